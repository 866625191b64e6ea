"""Users' files: which are taken, and what is said of those that are not."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from bise.engine.graph import build
from bise.engine.node import NOWHERE, USERS
from bise.engine.nodefile import NodeError, NodeFile, keep, known, load, read
from bise.engine.trial import check, try_elsewhere
from bise.engine.writer import Driver, write
from bise.errors import BiseError
from bise.hot import MODE, Mode
from tests.engine import steps

compiled = pytest.mark.skipif(MODE is Mode.INTERPRETED, reason="nothing is compiled")
HEAD = """from enum import IntEnum
from bise.node import Drop, Header, Insert, Part, Timer, hot, le64, node
class Edge(IntEnum):
    ON = 0
    OFF = 1
class State(Header):
    seen = le64()
@node(Edge, State)
def look(packet, state, now):
"""
TAIL = """
PART = Part({look: {Edge.OFF: Drop("mine.off", "for the test")}}, (Insert(look, "steps.begin", "ON", Edge.ON),))
"""
FIRST = HEAD.count("\n") + 1  # the line behind HEAD
GOOD = "    state.seen += 1\n    return Edge.ON\n"


@pytest.fixture
def written(tmp_path):
    def write(text: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def taken(path: Path) -> NodeFile:
    found = read(path)
    keep(found)
    return load(found)


def refused(path: Path) -> str:
    with pytest.raises(NodeError) as caught:
        check(taken(path))
    return str(caught.value)


def test_its_nodes_stand_where_it_says(written):
    found = taken(written(HEAD + GOOD + TAIL))
    graph = build("steps.begin", [steps.PART, steps.TURNING, found.part])
    assert graph.edges["steps.begin"]["ON"] == "mine.look"
    assert graph.edges["mine.look"] == {"OFF": "drop mine.off", "ON": "steps.turn"}
    assert [kind.__name__ for kind in found.states] == ["State"]


def test_another_text_is_another_module_and_the_same_text_is_not(written):
    path = written(HEAD + GOOD + TAIL)
    before, again = taken(path), taken(path)
    assert before.part is again.part
    path.write_text(HEAD + "    return Edge.OFF\n" + TAIL)
    after = taken(path)
    assert after.nodes[0].name == before.nodes[0].name
    assert after.nodes[0].module != before.nodes[0].module
    assert after.states[0] is not before.states[0]


def test_what_was_read_is_what_is_imported(written):
    """Not what the file says by then."""
    path = written(HEAD + GOOD + TAIL)
    found = read(path)
    keep(found)
    path.write_text("raise RuntimeError")
    assert load(found).nodes[0].name == "mine.look"


def test_the_texts_that_were_used_last_are_known(written, tmp_path, monkeypatch):
    monkeypatch.setenv("BISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("bise.engine.nodefile._KEPT", 2)
    found = [read(written(f"# {number}\n")) for number in range(3)]
    for age, one in ((300, found[0]), (200, found[1]), (100, found[0])):
        past = time.time() - age
        os.utime(keep(one), (past, past))
    keep(found[2])
    assert [known(one.digest) for one in found] == [found[0], None, found[2]]
    assert known("../" + found[0].digest) is None


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("    return Edge.ON +\n", 0, "invalid syntax"),
        ("    return Edge.ON\nimport numpy\n", 1, "imports numpy; a node is one file"),
        ("    return Edge.ON\nfrom . import other\n", 1, "imports a file beside it"),
        ("    return Edge.ON\n1 / 0\n", 1, "ZeroDivisionError"),
        ("    return Edge.ON\nraise SystemExit(3)\n", 1, "SystemExit: 3"),
    ],
)
def test_a_file_that_is_no_module_is_refused_with_its_line(written, body, line, words):
    path = written(HEAD + body + TAIL)
    text = (HEAD + body + TAIL).splitlines()[FIRST + line - 1].strip()
    said = refused(path)
    assert said.startswith(f"{path}:{FIRST + line}: ")
    assert words in said
    assert said.endswith(f"\n    {text}")


@compiled
@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("    return packet.nothing\n", 0, "mine.look: Unknown attribute 'nothing'"),
        ("    state.lost += 1\n    return Edge.ON\n", 0, "Unknown attribute 'lost'"),
        ("    seen = now\n    return nobody(seen)\n", 1, "name 'nobody' is not defined"),
        ("    if now > 3:\n        return Edge.ON\n", -2, "one of its ways ends without an edge"),
        ("    return inner(packet)\n@hot\ndef inner(packet):\n    return packet.less\n", 3, "Unknown attribute 'less'"),
        ("    with open('x') as file:\n        return Edge.ON\n", -2, "context manager"),
    ],
)
def test_a_node_that_does_not_compile_is_refused_with_its_line(written, body, line, words):
    path = written(HEAD + body + TAIL)
    said = refused(path)
    assert said.startswith(f"{path}:{FIRST + line}: ")
    assert words in said


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ("", "it has no PART"),
        ("PART = 3\n", "it has no PART"),
        ("PART = Part({})\n", "PART is empty"),
        ("PART = Part({look: {Edge.OFF: 'ipv4.input'}})\n", "leads to no To, TRANSMIT, Drop or Punt"),
        ("PART = Part({look: {7: Drop('a.b', '')}})\n", "7 is no edge of mine.look"),
        ("PART = Part({look: {}}, ((look, 'a', 'B', Edge.ON),))\n", "of the form Insert(node, at, edge, through)"),
        ("PART = Part({look: {}})\nprepare = 3\n", "`prepare` is no function"),
        ("PART = Part({look: {}}, timers=(look,))\n", "of the form Timer(node, period_ns)"),
        ("PART = Part({look: {}}, timers=(Timer(look, 9),))\n", "mine.look is a timer's and has no edge to NOTHING"),
        ("PART = Part({look: {}})\nlook = 3\n", "mine.look is not what the file calls look"),
    ],
)
def test_a_part_that_is_none_is_refused(written, tail, words):
    assert words in refused(written(HEAD + GOOD + tail))


@pytest.mark.parametrize("name", ["Mine.py", "my-node.py", "1st.py", "mine.txt"])
def test_a_name_that_no_node_can_have_is_refused(written, name):
    assert "its nodes are named after it" in refused(written("", name))


def test_a_file_that_is_not_there(tmp_path):
    assert refused(tmp_path / "mine.py") == f"{tmp_path / 'mine.py'}: No such file or directory"


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_file_that_others_can_write_is_refused(written, mode):
    path = written(HEAD + GOOD + TAIL)
    path.chmod(mode)
    assert "somebody else could change what Bise would run" in refused(path)


def test_a_folder_that_others_can_write_is_refused(written, tmp_path):
    path = written(HEAD + GOOD + TAIL)
    tmp_path.chmod(0o777)
    assert f"{tmp_path} belongs to user {os.geteuid()}, mode 777" in refused(path)
    tmp_path.chmod(0o1777)  # as /tmp: nobody can put another in our file's place
    assert taken(path)


@pytest.mark.root
def test_a_file_of_somebody_elses_is_refused(written):
    path = written(HEAD + GOOD + TAIL)
    os.chown(path, 65534, 65534)
    assert "belongs to user 65534" in refused(path)


@pytest.mark.slow
def test_another_process_tries_it_out_and_hangs_alone(written):
    endless = read(written(HEAD + GOOD + "while True:\n    pass\n"))
    with pytest.raises(BiseError, match="not imported and compiled within 2 s"):
        asyncio.run(try_elsewhere([endless], 2))
    assert not any(name.startswith(f"{USERS}{endless.digest}") for name in sys.modules)


@pytest.mark.slow
def test_another_process_says_what_is_wrong(written):
    path = written(HEAD + "    return Edge.ON\nimport os\nos.no_such_thing\n" + TAIL)
    with pytest.raises(BiseError) as caught:
        asyncio.run(try_elsewhere([read(path)]))
    assert str(caught.value).startswith(f"{path}:{FIRST + 2}: AttributeError")
    asyncio.run(try_elsewhere([read(written(HEAD + GOOD + TAIL, "other.py"))]))


TIMED = """
from enum import IntEnum
from bise.node import NOTHING, TRANSMIT, Part, Timer, extend, node
class Tell(IntEnum):
    NOTHING = 0
    SEND = 1
@node(Tell, copies=True)
def tell(packet, state, now):
    return Tell.SEND if extend(packet, 60) else Tell.NOTHING
PART = Part({tell: {Tell.SEND: TRANSMIT, Tell.NOTHING: NOTHING}}, timers=(Timer(tell, 1_000_000),))
"""


def test_the_clock_may_call_a_node(written):
    found = taken(written(TIMED))
    check(found)
    graph = build("steps.begin", [steps.PART, found.part], always=(NOWHERE,))
    text = write(graph, [Driver(0, "bise.ports.af_xdp.rings")]).text
    tick = text[text.index("def tick(") :]
    assert "is_due(worker, plan, 0, 1000000)" in tick
    assert f"import {found.nodes[0].module}" in text
    assert "duplicate(worker, plan, packet, BURST - number)" in tick
    assert "if packet.egress < plan.lane_count else" in tick
    compile(text, "pipeline", "exec")
