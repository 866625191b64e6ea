"""Records of packets' ways as Python reads them: in the client that asked for them, away from the control thread."""

import ctypes
from dataclasses import dataclass

from bise.engine import watch
from bise.engine.watch import Record


@dataclass(frozen=True)
class Step:
    """What node number `node` decided in `cycles`; `octets`: the beginning of the packet as it left the node."""

    node: int
    edge: int
    cycles: int
    egress: int
    octets: bytes


@dataclass(frozen=True)
class Way:
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


def read(octets: bytes) -> Way:
    """The way that a record tells of, as `Watching.read` returned it."""
    memory = ctypes.create_string_buffer(octets, len(octets))
    record = Record(ctypes.addressof(memory))
    steps, stride, at = [], watch.Step.size + record.depth, Record.size
    for number in range(record.steps):
        step = watch.Step(record.address + at + number * stride)
        begin = at + number * stride + watch.Step.size
        kept = octets[begin : begin + step.kept]
        steps.append(Step(step.node, step.edge, step.cycles, step.egress, kept))
    came = record.octets - record.left - record.room if record.sides & watch.LEFT else record.octets - record.came
    return Way(
        record.when,
        record.port,
        record.egress,
        record.sink,
        record.sides,
        octets[came : came + record.came] if record.sides & watch.CAME else b"",
        record.came_total,
        octets[record.octets - record.left : record.octets] if record.sides & watch.LEFT else b"",
        record.left_total,
        tuple(steps),
    )
