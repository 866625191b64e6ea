"""Records of packets' ways, octet by octet as engine/watch.py draws them, and a daemon that tells them."""

import base64
import struct
from typing import Any

from bise.control import messages
from bise.control.socket import Verb

GRAPH: messages.WatchedGraph = {
    "nodes": [
        {"name": "ethernet.input", "edges": {"0": ["IPV4", "ipv4.forward"], "1": ["SHORT", "drop ethernet.short"]}},
        {"name": "ipv4.forward", "edges": {"0": ["OUTPUT", "transmit"], "1": ["TTL", "punt ipv4.ttl"]}},
    ],
    "sinks": ["transmit", "drop ethernet.short", "punt ipv4.ttl"],
    "ports": {"0": "eth0", "3": "eth3"},
    "realtime_ns": 1_700_000_000_000_000_000,
}


def record(
    came: bytes, sink: int = 0, left: bytes = b"", steps: tuple[tuple[int, int, int, bytes], ...] = (), depth: int = 0
) -> bytes:
    """Steps are (node, edge, cycles, octets)."""
    told = b"".join(
        struct.pack("<HHIHHHH", node, edge, cycles, 14, 0, 3, len(octets)) + octets.ljust(depth, b"\0")
        for node, edge, cycles, octets in steps
    )
    told += came + (bytes(2048 - len(came)) + left if left else b"")
    sides = (1 if came else 0) | (2 if left else 0)
    head = struct.pack(
        "<QQIIIHHHHHHHHHHQ", 0, 5, 56 + len(told), len(came), len(left), 0, 3, sink, len(steps), len(came), len(left),
        sides, depth, 2048, 0, 0,
    )  # fmt: skip
    return head + told


class Teller:
    """The verbs of a daemon whose workers met these packets; `asked` is what the client wanted."""

    def __init__(self, records: list[bytes], missed: int = 0) -> None:
        self.records, self.missed = records, missed
        self.asked: dict[str, Any] = {}
        self.ended = False
        self._compiling = True

    def verbs(self) -> dict[str, Verb]:
        return {"watch": self.watch, "watched": self.watched, "unwatch": self.unwatch}

    def watch(self, arguments: dict[str, Any]) -> messages.Watch:
        self.asked = arguments
        return {"watch": 7}

    def watched(self, arguments: dict[str, Any]) -> messages.Watched:
        assert arguments == {"watch": 7}
        if self._compiling:
            self._compiling = False
            return {"state": "compiling", "records": [], "seen": 0, "missed": 0, "graph": None}
        records, self.records = self.records, []
        told = [base64.b64encode(each).decode() for each in records]
        graph = GRAPH if records else None
        return {"state": "recording", "records": told, "seen": 10, "missed": self.missed, "graph": graph}

    def unwatch(self, arguments: dict[str, Any]) -> messages.Watch:
        self.ended = True
        return {"watch": 7}
