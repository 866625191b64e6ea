"""A capture through the router offline: the same as through the pipeline over DPDK's packets, and under a debugger."""

import inspect
import json
from pathlib import Path

import pytest

from bise.features.ipv4 import nodes
from bise.hot import MODE, Mode
from bise.offline import captures
from bise.offline.captures import Captured
from bise.offline.state import as_json
from bise.offline.words import octets, parse
from tests.control.documented import documented, keys_of
from tests.features import world
from tests.features.frames import bursts
from tests.modes import run
from tests.offline.calling import bise
from tests.offline.worlds import capture, state

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="says itself which mode")

Sent = tuple[str, bytes, int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the world's state in it."""
    made = tmp_path_factory.mktemp("replay")
    (made / "state.json").write_text(json.dumps(as_json(state())))
    return made


def replayed(folder: Path, *words: str) -> tuple[list[dict], dict[str, int], list[Sent]]:
    """What `bise replay` says of in.pcapng: the packets, the counters, and what it sent."""
    told = json.loads(
        bise("replay", folder / "in.pcapng", folder / "out.pcapng", "--state", folder / "state.json", "--json", *words)
    )
    sent = [(one.interface, one.octets, one.total) for one in captures.read(folder / "out.pcapng")]
    return told["packets"], told["counters"], sent


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_replay_does_what_the_compiled_pipeline_does_with_packets_of_dpdks_pool(folder: Path) -> None:
    frames = [(port, frame) for port, some in bursts(11, 600) for frame in some]
    outcomes = json.loads(run("compiled", "tests.offline.rigged", 11, 600))
    capture(folder / "in.pcapng", frames)
    packets, counters, sent = replayed(folder, "--interpreted")

    ended = [sink for sink, _ in outcomes]
    assert [name(one) for one in packets] == ended
    assert counters == {sink: ended.count(sink) for sink in set(ended)}
    assert [(port, octets.hex()) for port, octets, _ in sent] == [
        (world.PORTS[egress].facts.name, octets) for _, ways in outcomes for egress, octets in ways
    ]
    assert len(sent) > 20
    assert len(set(ended)) > 30
    assert {*keys_of({"packets": packets}), "counters.*"} == documented("replay")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_compiled_and_interpreted_replays_are_the_same(folder: Path) -> None:
    capture(folder / "in.pcapng", [(port, frame) for port, some in bursts(12, 3000) for frame in some])
    assert replayed(folder) == replayed(folder, "--interpreted")


def test_nothing_is_compiled_and_no_dpdk_is_there(folder: Path) -> None:
    capture(folder / "in.pcapng", [])
    line = (
        "import sys; from bise.cli import main; sys.argv[0] = 'bise'\ntry: main()\nfinally: "
        "print('numba' in sys.modules, 'librte' in open('/proc/self/maps').read(), file=sys.stderr)"
    )
    words = ("replay", folder / "in.pcapng", folder / "none" / "out", "--state", folder / "state.json", "--interpreted")
    assert bise(*words, status=2, before=("-c", line)).splitlines()[-1] == "False False"


@pytest.mark.slow
def test_a_breakpoint_stops_in_a_node_and_sees_the_packet(folder: Path) -> None:
    packet = octets(parse("udp 10.0.0.2:1 > 20.1.2.3:53"), world.PORTS[0].mac)
    with captures.Writer(folder / "in.pcapng") as writer:
        writer.write(Captured(packet, len(packet), 0, "port11"))
    words = ("replay", folder / "in.pcapng", folder / "out.pcap", "--state", folder / "state.json", "--interpreted")
    place = inspect.getsourcelines(nodes.look_up.source)[1] + 4  # where the hop is known
    commands = f"b {nodes.__file__}:{place}\nc\np ('it asks for', hex(IPv4(packet, packet.l3).destination))\nbt\nq\n"
    said = bise(*words, before=("-m", "pdb", "-m", "bise"), said=commands)
    assert "('it asks for', '0x14010203')" in said
    assert "ipv4_look_up(packet, ipv4_state_state, now)" in said  # the generated source stands in the backtrace


@pytest.mark.slow
def test_a_capture_without_names_needs_the_port_said(folder: Path) -> None:
    words = ["replay", folder / "in.pcap", folder / "out.pcap", "--state", folder / "state.json", "--interpreted"]
    with captures.Writer(folder / "in.pcap") as writer:
        writer.write(Captured(b"\xff" * 60, 60))
    assert "say which of port11, port12" in bise(*words, status=2)
    assert "no port 'eth9' in this state; there are port11" in bise(*words, "--port", "eth9", status=2)
    assert "1  port12: punt ethernet.group" in bise(*words, "--port", "port12")


def name(one: dict) -> str:
    """The sink's name, as the graph has it."""
    return one["verdict"] + (f" {one['reason']}" if one["reason"] else "")
