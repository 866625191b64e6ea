"""What `bise explain` says of the world made by hand: the way, why, and what Linux would do."""

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from bise.control.messages import LinuxRoute
from bise.engine.node import Drop, Punt, Transmit
from bise.hot import MODE, Mode
from bise.offline.explain import Explanation, compare
from bise.offline.router import Fate
from bise.offline.state import as_json
from tests.control.documented import documented, keys, keys_of
from tests.features import world
from tests.offline.calling import bise
from tests.offline.worlds import state

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="says itself which mode")
PORT = world.PORTS[0]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("explain") / "state.json"
    made.write_text(json.dumps(as_json(state())))
    return made


def explained(file: Path, words: str, port: str = PORT.facts.name) -> dict:
    return json.loads(bise("explain", "--in", port, words, "--state", file, "--json"))


def test_the_way_names_the_prefix_the_next_hop_and_what_changed(file: Path) -> None:
    way = world.look_up(4, int(ip_address("20.1.2.3")))
    found = explained(file, "udp 10.0.0.2:1 > 20.1.2.3:53 ttl 9")
    assert [step["node"] for step in found["steps"]] == [
        "ethernet.input", "offload.complete_ipv4", "ipv4.input", "ipv4.look_up", "ipv4.forward", "nexthop.output",
    ]  # fmt: skip
    look_up, forward, output = found["steps"][3:]
    mac = way.mac.to_bytes(6, "big").hex(":")
    assert look_up["why"] == f"20.1.0.0/16: via 10.0.1.2 on port12, whose MAC is {mac}"
    assert {"field": "IPv4 ttl", "before": "9", "after": "8"} in forward["changed"]
    assert output["changed"][0]["after"] == mac
    assert (found["verdict"], [one["port"] for one in found["sent"]]) == ("transmit", ["port12"])
    assert found["linux"] is None
    assert set(keys_of(found)) | set(keys(LinuxRoute, "linux")) == documented("explain")


@pytest.mark.parametrize(
    ("words", "node", "why", "reason"),
    [
        ("udp 10.0.0.2:1 > 20.1.2.3:53 ttl 1", "ipv4.forward", "TTL 1", "ipv4.ttl"),
        ("udp 10.0.0.2:1 > 20.2.2.3:53 size 601", "ipv4.forward", "601 octets, and the way out takes 600",
         "ipv4.too-big"),
        ("udp 10.0.0.2:1 > 20.1.9.3:5", "ipv4.look_up", "20.1.9.0/24: via 10.0.1.9 on port12, whose MAC is not known",
         "ipv4.unresolved"),
        ("udp 10.0.0.2:1 > 20.10.9.3:5", "ipv4.look_up",
         "20.10.0.0/16: via 10.9.9.9 on port99, which is no port", "ipv4.other-link"),
        ("udp 10.0.0.2:1 > 99.9.9.9:5", "ipv4.look_up", "no prefix holds 99.9.9.9", "ipv4.no-route"),
        ("icmp6 2001:db8::2 > 2001:db8:26::1", "ipv6.look_up", "2001:db8:26::/48: a blackhole", "ipv6.blackhole"),
        ("icmp 10.0.0.2 > 10.0.1.2 mac 02:00:00:00:00:99", "ethernet.input",
         "for 02:00:00:00:00:99, and the port is 02:00:00:00:00:0b", "ethernet.other-host"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_every_end_has_its_reason(file: Path, words: str, node: str, why: str, reason: str) -> None:
    found = explained(file, words)
    last = found["steps"][-1]
    assert (last["node"], last["why"], found["reason"]) == (node, why, reason)


def test_the_way_back_to_the_source_is_shown_where_it_decides(file: Path) -> None:
    found = explained(file, "udp 20.0.0.7:1 > 20.2.2.3:53", "port12")
    back = "back to the source: 20.0.0.0/16: via 10.0.0.2 on port11, whose MAC is 02:ff:00:00:00:02"
    assert found["reason"] == "ipv4.reverse-path"
    assert found["steps"][-1]["why"] == f"{back}; checked as rp_filter says: strict"


def test_a_gate_is_named(tmp_path: Path) -> None:
    gates = ({"families": [4], "reason": "nft table inet filter"}, {"families": [6], "reason": "something else"})
    (tmp_path / "state.json").write_text(json.dumps(as_json(replace(state(), gates=gates))))
    found = explained(tmp_path / "state.json", "udp 10.0.5.2:1 > 20.2.2.3:53", "port16")
    assert (found["reason"], found["steps"][-1]["why"]) == ("ethernet.gated", "nft table inet filter")


def test_one_of_several_is_the_one_that_the_graph_of_all_features_chose(file: Path) -> None:
    found = explained(file, "udp 10.0.0.2:7 > 20.11.2.3:53")
    look_up, choose = found["steps"][3:5]
    assert look_up["why"].count("via ") == 3
    (port,) = (one["port"] for one in found["sent"])
    assert f" on {port}, whose MAC is" in choose["why"]


def test_a_port_or_words_that_there_are_not(file: Path) -> None:
    words = ("--state", file, "--in")
    assert "no port 'eth9' in this state; there are port11" in bise(
        "explain", "udp 1.1.1.1:1 > 2.2.2.2:2", *words, "eth9", status=2
    )
    said = bise("explain", "udp 1.1.1.1:1 > 2.2.2.2:2 tll 1", *words, "port11", status=2)
    assert said.splitlines()[2].strip() == "^^^"


def linux(error: str = "", port: str = "b", kind: str = "unicast", several: tuple[str, ...] = ()) -> LinuxRoute:
    path = {"via": "10.0.0.1", "port": port, "weight": 1}
    return {
        "prefix": None,
        "kind": kind,
        "path": path,
        "paths": [{**path, "port": one} for one in several],
        "error": error,
    }


def ended(sink: Transmit | Drop | Punt) -> Explanation:
    facts = world.PORTS[1].facts
    return Explanation(facts, b"", (), Fate(sink, ((facts, b"", 0),) if isinstance(sink, Transmit) else ()))


@pytest.mark.parametrize(
    ("sink", "answer", "agreement"),
    [
        (Transmit(), linux(port="port12"), "agrees"),
        (Transmit(), linux(port="other"), "differs"),
        (Transmit(), linux(error="No route to host"), "differs"),
        (Transmit(), linux(port="other", several=("other", "port12")), "agrees"),
        (Transmit(), linux(port="other", several=("port12",)), "differs"),
        (Drop("x", ""), linux(error="Invalid argument"), "agrees"),
        (Drop("x", ""), linux(kind="blackhole"), "agrees"),
        (Drop("x", ""), linux(), "differs"),
        (Punt("x", ""), linux(), "decides"),
    ],
)
def test_agreement_is_said_only_where_there_is_one(
    sink: Transmit | Drop | Punt, answer: LinuxRoute, agreement: str
) -> None:
    assert compare(ended(sink), answer)[0] == agreement


def test_a_difference_that_a_users_node_wants_is_none_of_ours() -> None:
    dropped = replace(ended(Drop("x", "")), chosen_by="my.node")
    assert compare(dropped, linux()) == ("chosen", "Linux has a route for the packet; my.node chose otherwise")
    assert compare(dropped, linux(kind="blackhole"))[0] == "agrees"
