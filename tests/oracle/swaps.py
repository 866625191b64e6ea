"""Users' nodes that let everything through, wherever nodes may stand, and their coming and going."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.nodefiles import folder
from tests.oracle.pair import Pair

NAME = "passing"
_NODES = """
from enum import IntEnum
from bise.node import NO_PORT, Drop, Header, Insert, Part, copy_to, le64, node
class State(Header):
    seen = le64()
class Edge(IntEnum):
    ON = 0
    OFF = 1
PLACES = (("ethernet.input", "IPV4"), ("ethernet.input", "IPV6"), ("ipv4.input", "VALID"), ("ipv6.forward", "OUTPUT"))
@node(Edge, State)
def first(packet, state, now):
    state.seen += 1
    return Edge.ON if now > 0 else Edge.OFF
@node(Edge, State)
def second(packet, state, now):
    state.seen += 1
    return Edge.ON if packet.length > 0 else Edge.OFF
@node(Edge, State, copies=True)
def third(packet, state, now):
    copy_to(packet, NO_PORT)
    return Edge.ON if state.seen >= 0 else Edge.OFF
@node(Edge)
def fourth(packet, state, now):
    return Edge.ON if packet.egress < 256 else Edge.OFF
ALL = (first, second, third, fourth)
PART = Part(
    {one: {Edge.OFF: Drop("passing.off", "never")} for one in ALL},
    tuple(Insert(one, *place, Edge.ON) for one, place in zip(ALL, PLACES)),
)
"""


def passing() -> Path:
    """A file with four of them."""
    path = folder("oracle") / f"{NAME}.py"
    path.write_text(_NODES)
    return path


def ask(pair: Pair, verb: str, **arguments: str) -> None:
    """AssertionError where Bise says no."""
    assert pair.bise is not None
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(f"/run/bise/{pair.bise.name}.sock")
        asking.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
        with asking.makefile() as answers:
            answer = json.loads(answers.readline())
    assert answer["ok"], answer


@contextmanager
def coming_and_going(pair: Pair, file: Path) -> Iterator[list[int]]:
    """Nodes that are there go and come, over and over, while the block runs; yields how often so far, in a list."""
    swaps = [0]
    ask(pair, "node-remove", name=NAME)  # compiled now
    ended, refused = threading.Event(), list[BaseException]()

    def come_and_go() -> None:
        try:
            while not ended.is_set():
                ask(pair, "node-add", path=str(file))
                ask(pair, "node-remove", name=NAME)
                swaps[0] += 2
        except (AssertionError, OSError) as why:
            refused.append(why)

    changing = threading.Thread(target=come_and_go)
    changing.start()
    try:
        yield swaps
    finally:
        ended.set()
        changing.join()
    assert not refused, refused
