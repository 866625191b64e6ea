"""Records of packets' ways as Python reads them: in the client that asked for them, away from the control thread."""

import struct
from typing import NamedTuple

from bise.engine import watch
from bise.hot import Header


class Step(NamedTuple):
    """What node number `node` decided in `cycles`; `octets`: the beginning of the packet as it left the node."""

    node: int
    edge: int
    cycles: int
    egress: int
    octets: bytes


class Way(NamedTuple):
    """One packet's way. Ports, sinks and nodes are numbers of the graph that ran; `when_ns` is CLOCK_MONOTONIC.

    `came` and `left` are empty where the packet wasn't of interest then (`sides` tells); the totals are its lengths.
    """

    when_ns: int
    port: int
    egress: int
    sink: int
    sides: int
    came: bytes
    came_total: int
    left: bytes
    left_total: int
    steps: tuple[Step, ...]


def _layout(record: type[Header]) -> struct.Struct:
    """All fields at once: thousands of records a second are read."""
    return struct.Struct("<" + "".join({16: "H", 32: "I", 64: "q"}[field.bits] for field in record.fields.values()))


_RECORD, _STEP = _layout(watch.Record), _layout(watch.Step)


def read(octets: bytes) -> Way:
    """The way that a record tells of, as `Watching.read` returned it."""
    _, when, end, came_total, left_total, port, egress, sink, steps, came, left, sides, depth, room, _, _ = (
        _RECORD.unpack_from(octets)
    )
    stride = _STEP.size + depth
    made = tuple(_step(octets, _RECORD.size + number * stride) for number in range(steps))
    begin = end - left - room if sides & watch.LEFT else end - came
    received = octets[begin : begin + came] if sides & watch.CAME else b""
    sent = octets[end - left : end] if sides & watch.LEFT else b""
    return Way(when, port, egress, sink, sides, received, came_total, sent, left_total, made)


def _step(octets: bytes, at: int) -> Step:
    node, edge, cycles, _, _, egress, kept = _STEP.unpack_from(octets, at)
    return Step(node, edge, cycles, egress, octets[at + _STEP.size : at + _STEP.size + kept])
