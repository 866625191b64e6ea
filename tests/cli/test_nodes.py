"""Users' nodes on the command line, against a Bise that answers always the same."""

import json

import pytest

from tests.control.serving import serving

FILE = """
from enum import IntEnum
from bise.node import Insert, Part, node
class Edge(IntEnum):
    ON = 0
@node(Edge)
def look(packet, state, now):
    return Edge.ON
PART = Part({}, (Insert(look, "ethernet.input", "IPV6", Edge.ON),))
"""


def test_what_is_shown_of_each(call, daemon):
    outcome = call("nodes")
    assert outcome.status == 0
    assert "dns_guard: /etc/bise/dns_guard.py\n" in outcome.out
    assert "says something else by now: `bise node reload dns_guard`" in outcome.out
    assert "dns_guard.guard stands behind ipv4.input VALID\n" in outcome.out
    assert ["BLOCKED", "→", "drop", "dns_guard.blocked"] in outcome.words
    assert ["dns_guard.Counts.queries", "1", "234", "1", "200", "34"] in outcome.words


def test_none_is_a_line(call, directory):
    with serving(directory, {"nodes": lambda _: []}):
        assert "no nodes of a user's" in call("nodes").out


@pytest.mark.parametrize(("verb", "action"), [("reload", "changed"), ("remove", "removed")])
def test_a_change_says_what_it_was(call, daemon, verb, action):
    assert call("node", verb, "dns_guard").out == f"dns_guard: {action}, 3 s\n"
    told = json.loads(call("node", verb, "dns_guard", "--json").out)
    assert (told["name"], told["action"]) == ("dns_guard", action)


def test_a_file_is_named_by_its_whole_path(call, daemon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("node", "add", "my_node.py").out == f"{tmp_path}/my_node.py: added, 3 s\n"


def test_a_file_is_tried_out_without_a_running_bise(call, directory, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    outcome = call("node", "check", str(path))
    assert (outcome.status, outcome.out) == (0, "mine.look compiles and stands behind ethernet.input IPV6\n")
    path.write_text(FILE.replace("IPV6", "IPV7"))
    outcome = call("node", "check", str(path))
    assert outcome.status == 2
    assert outcome.error.startswith(f"bise: {path}:6: mine.look wants to stand on edge IPV7 of ethernet.input")
    assert "its edges are IPV4, IPV6, ARP" in outcome.error
