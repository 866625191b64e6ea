"""Users' files in a router offline: those that the state names, if this machine ran them, and those that are given."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bise.engine.nodefile import keep, read
from bise.hot import MODE, Mode
from bise.offline.captures import Captured, Writer
from bise.offline.state import State, UsersFile, as_json
from bise.offline.users import FileMissing, changed, gather
from bise.offline.words import octets, parse
from tests import nodefiles
from tests.features import world
from tests.offline.calling import bise
from tests.offline.worlds import state

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="says itself which mode")
PORT = world.PORTS[0].facts
# Drops what comes behind the second packet, once `prepare` was called.
LIMITED = nodefiles.COUNTING.replace(
    "return Count.ON", "return Count.OFF if state.ports and state.seen > 2 else Count.ON"
)
CHANGED = LIMITED.replace("> 2", "> 3")


@pytest.fixture
def path() -> Path:
    made = nodefiles.folder("offline") / "meter.py"
    made.write_text(LIMITED)
    return made


def named(path: Path, **records: dict[str, int]) -> State:
    """The state of a Bise with this file."""
    written = read(path)
    return replace(
        state(), nodes=(UsersFile(written.name, str(written.path), written.digest, written.sha256, records),)
    )


def test_what_this_machine_ran_needs_not_be_given(path: Path) -> None:
    taken, written = named(path), read(path)
    keep(written)
    path.write_text(CHANGED)
    assert gather(taken, ()) == [written]
    assert gather(taken, (), without=True) == []
    assert changed(taken, [written]) == []


def test_a_file_that_is_given_takes_the_place_of_the_states(path: Path) -> None:
    taken = named(path)
    path.write_text(CHANGED)
    files = gather(taken, [path])
    assert [written.text for written in files] == [path.read_text()]
    assert changed(taken, files) == ["meter"]
    assert changed(state(), files) == []


@pytest.mark.parametrize("digest", ["0" * 16, "../../../etc/passwd", ""])
def test_a_file_that_is_not_at_hand_is_missed(path: Path, digest: str) -> None:
    (file,) = named(path).nodes
    taken = replace(state(), nodes=(replace(file, digest=digest),))
    with pytest.raises(FileMissing, match=r"offline/meter\.py: give it \(--node meter\.py\), or leave it out"):
        gather(taken, ())
    assert gather(taken, (), without=True) == []


def write(folder: Path, taken: State) -> Path:
    """The state, and a capture of three packets beside it."""
    (folder / "state.json").write_text(json.dumps(as_json(taken)))
    with Writer(folder / "in.pcap") as writer:
        for _ in range(3):
            writer.write(Captured(octets(parse("udp 10.0.0.2:1 > 20.1.2.3:53"), PORT.mac), 42, 1))
    return folder / "state.json"


@pytest.mark.parametrize(
    ("before", "fates"),
    [
        pytest.param({}, {"transmit": 2, "drop meter.off": 1}, marks=pytest.mark.slow, id="nothing"),
        pytest.param({"State": {"seen": 1, "ports": 0}}, {"transmit": 1, "drop meter.off": 2}, id="goes on"),
        pytest.param(
            {"State": {"seen": 2}},
            {"transmit": 2, "drop meter.off": 1},
            marks=pytest.mark.slow,
            id="other fields",
        ),
    ],
)
def test_its_nodes_go_on_where_they_were(path: Path, tmp_path: Path, before: dict, fates: dict[str, int]) -> None:
    taken = write(tmp_path, named(path, **before))
    words = ("--interpreted", "--port", PORT.name, "--node", path, "--state", taken, "--json")
    assert json.loads(bise("replay", tmp_path / "in.pcap", tmp_path / "out.pcap", *words))["counters"] == fates
    without = json.loads(
        bise("replay", tmp_path / "in.pcap", tmp_path / "out.pcap", *words[:3], *words[5:], "--without-nodes")
    )
    assert without["counters"] == {"transmit": 3}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_compiled_it_is_the_same(path: Path, tmp_path: Path) -> None:
    taken = write(tmp_path, named(path))
    words = ("--port", PORT.name, "--node", path, "--state", taken, "--json")
    told = json.loads(bise("replay", tmp_path / "in.pcap", tmp_path / "out.pcap", *words))
    assert told["counters"] == {"transmit": 2, "drop meter.off": 1}


def test_explain_shows_its_step(path: Path, tmp_path: Path) -> None:
    taken = write(tmp_path, named(path, State={"seen": 2, "ports": 0}))
    words = ("explain", "--in", PORT.name, "udp 10.0.0.2:1 > 20.1.2.3:53", "--state", taken, "--json")
    found = json.loads(bise(*words, "--node", path))
    assert [step["node"] for step in found["steps"]][-1] == "meter.count"
    assert (found["verdict"], found["reason"]) == ("drop", "meter.off")
    path.write_text("import numpy\n" + LIMITED)
    assert "imports numpy; a node is one file" in bise(*words, "--node", path, status=2)
