"""The router offline does what the running one and the kernel did, by the state that `bise state` printed of it."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bise import daemon
from bise.offline import captures
from bise.offline.captures import Captured
from bise.offline.replay import replay
from bise.offline.router import Router
from bise.offline.state import read
from tests.offline.calling import bise
from tests.oracle.compare import comparable
from tests.oracle.conftest import PORTS
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair, octets
from tests.oracle.ways import ONE, TWO_WORKERS

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def state(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `bise state` prints, in a file."""
    if pair.bise is None:
        pytest.skip("nothing but the kernel forwards")
    pair.settle()
    made = tmp_path_factory.mktemp("state") / "state.json"
    made.write_text(bise("state", "--name", pair.bise.name))
    return made


@pytest.fixture(scope="module")
def router(state: Path) -> Iterator[Router]:
    with Router(read(state), daemon.make_features, daemon.START) as made:
        yield made


def replayed(router: Router, folder: Path, traffic: list[bytes]) -> tuple[dict[str, Counter[bytes]], list[str]]:
    """By port what a replay of packets into port c sends, and each packet's verdict."""
    with captures.Writer(folder / "in.pcapng") as writer:
        for packet in traffic:
            writer.write(Captured(packet, len(packet), 0, PORTS[0].name))
    verdicts = [one.fate.verdict for one in replay(router, folder / "in.pcapng", folder / "out.pcapng")]
    sent: dict[str, list[bytes]] = {port.name: [] for port in PORTS}
    for one in captures.read(folder / "out.pcapng"):
        sent[one.interface].append(one.octets)
    return {name: comparable(packets) for name, packets in sent.items()}, verdicts


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(PORTS[0]), min_size=1, max_size=30))
def test_a_replay_sends_what_both_routers_sent_save_what_the_kernel_made(
    pair: Pair, router: Router, tmp_path_factory: pytest.TempPathFactory, traffic: list[bytes]
) -> None:
    sent, verdicts = replayed(router, tmp_path_factory.mktemp("traffic"), traffic)
    for outputs in pair.exchange([("c", packet) for packet in traffic]):
        for name, packets in sent.items():
            came = comparable(outputs.get(name, ()))
            assert not packets - came, f"{name}: sent by the replay alone"
            if "punt" not in verdicts:
                assert packets == came


def test_ordinary_packets_are_sent_by_the_replay_alone(pair: Pair, router: Router, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    ordinary = [
        octets(PORTS[0], header / udp())
        for header in (ip4(), ip6(), ip4("198.51.100.5"), ip4("192.0.2.181"), ip6("2001:db8:f000::1"))
    ]
    sent, verdicts = replayed(router, tmp_path, ordinary)
    assert verdicts == ["transmit"] * len(ordinary)
    assert sent["s"] == comparable(pair.agree("c", ordinary)["s"])


DESTINATIONS = {
    "udp 10.0.1.2:4000 > 198.51.100.5:53": ("agrees", "transmit"),
    "udp 10.0.1.2:4000 > 198.51.100.200:53": ("agrees", "transmit"),
    "udp 10.0.1.2:4000 > 192.0.2.145:53": ("agrees", "transmit"),
    "udp 10.0.1.2:4000 > 192.0.2.181:53": ("agrees", "transmit"),
    "udp 10.0.1.2:4000 > 192.0.2.5:53": ("agrees", "drop"),
    "udp 10.0.1.2:4000 > 192.0.2.21:53": ("decides", "punt"),
    "udp 127.0.0.1:4000 > 198.51.100.5:53": ("agrees", "drop"),
    "udp 10.0.1.2:4000 > 10.0.2.2:53": ("agrees", "transmit"),
    "udp 10.0.1.2:4000 > 10.0.1.1:53": ("decides", "punt"),
    "tcp [2001:db8:1::2]:1 > [2001:db8:f000::1]:80": ("agrees", "transmit"),
    "tcp [2001:db8:1::2]:1 > [2001:db8:e007::1]:80": ("agrees", "transmit"),
    "icmp6 2001:db8:1::2 > 2001:db8:e000::1": ("agrees", "drop"),
}


@pytest.mark.parametrize("words", DESTINATIONS)
def test_an_explanation_says_what_ip_route_get_says(pair: Pair, state: Path, words: str) -> None:
    assert pair.bise is not None
    found = json.loads(bise("explain", "--in", "c", words, "--name", pair.bise.name, "--json"))
    agreement, verdict = DESTINATIONS[words]
    assert (found["agreement"], found["verdict"]) == (agreement, verdict), found["comparison"]
    says = asked(pair, words)
    if isinstance(says, str):
        assert found["linux"]["error"] in says
    else:
        path = found["linux"]["path"]
        assert path["port"] == says["dev"]
        assert path["via"] == says.get("gateway", says.get("via", {}).get("host"))
        if verdict == "transmit":
            assert [one["port"] for one in found["sent"]] == [says["dev"]]


def asked(pair: Pair, words: str) -> Any:
    """What `ip` says of the same packet, or what it complains of."""
    ends = [word.rpartition(":")[0].strip("[]") if "icmp" not in words else word for word in words.split()[1:4:2]]
    command = ["ip", "-j", "route", "get", ends[1], "from", ends[0], "iif", "c"]
    with pair.other.topology.router.inside():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout)[0] if done.returncode == 0 else done.stderr


@pytest.mark.ways(ONE, TWO_WORKERS)  # a state holds no users' nodes
def test_the_graph_and_the_source_that_run_are_shown(pair: Pair, state: Path, router: Router) -> None:
    assert pair.bise is not None
    name = ("--name", pair.bise.name)
    assert bise("graph", *name).strip() == router.graph.text()
    assert bise("graph", "--svg", *name).startswith("<svg ")
    source = bise("pipeline", *name)
    compile(source, "pipeline", "exec")
    assert "def burst(worker_address, plan_address, queue_address):" in source
    assert "receive_0" in source


SEED: dict[str, int | str] = {"net/ipv4/fib_multipath_hash_seed": 0x5EED, "net/ipv4/fib_multipath_hash_policy": 1}
SEVERAL = "route add 203.0.113.0/24 nexthop via 10.0.2.2 dev s nexthop via 10.0.3.2 dev t"


def test_of_several_ways_an_explanation_shows_the_one_that_linux_takes(pair: Pair, state: Path) -> None:
    assert pair.bise is not None
    taken = set()
    with pair.sysctls(SEED), pair.configured(SEVERAL):
        pair.settle()
        for port in range(4000, 4008):
            words = f"udp 10.0.1.2:{port} > 203.0.113.9:53"
            found = json.loads(bise("explain", "--in", "c", words, "--name", pair.bise.name, "--json"))
            (way,) = (one["port"] for one in found["sent"])
            assert (found["agreement"], found["comparison"]) == ("agrees", f"both send it by {way}")
            assert sorted(one["port"] for one in found["linux"]["paths"]) == ["s", "t"]
            taken.add(way)
    assert taken == {"s", "t"}
