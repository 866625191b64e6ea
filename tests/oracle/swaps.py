"""Users' nodes that let everything through, wherever nodes may stand, and their coming and going."""

import json
import select
import socket
from pathlib import Path
from typing import Any, Self

from tests.nodefiles import folder

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


class Swaps:
    """Nodes that are there go and come, over and over: again whenever `go_on` is called and the last time is over."""

    def __init__(self, name: str, file: Path) -> None:
        """The Bise of this name was started with this file."""
        self._file = file
        self._asking = socket.socket(socket.AF_UNIX)
        self._asking.connect(f"/run/bise/{name}.sock")
        self._answers = self._asking.makefile()
        self._are_there = True
        self.count = 0

    def __enter__(self) -> Self:
        self._ask()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._take()
        self._answers.close()
        self._asking.close()

    def go_on(self) -> None:
        """AssertionError where Bise said no."""
        if select.select([self._asking], [], [], 0)[0]:
            self._take()
            self._ask()

    def _ask(self) -> None:
        asked = ("node-remove", {"name": NAME}) if self._are_there else ("node-add", {"path": str(self._file)})
        request = dict(zip(("verb", "arguments"), asked, strict=True))
        self._asking.sendall(json.dumps(request).encode() + b"\n")

    def _take(self) -> None:
        answer = json.loads(self._answers.readline() or "{}")
        assert answer.get("ok"), answer
        self._are_there = not self._are_there
        self.count += 1
