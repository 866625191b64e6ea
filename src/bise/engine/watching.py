"""Watching as the control thread sees it: each worker's plan exchanged for one that runs the instrumented twin.

Beginning and ending are one store a worker, as publishing a plan is; the memory is freed when no worker can use it.
While nobody watches, nothing of this is there.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass

from bise.engine.crew import Crew, Member
from bise.engine.pipeline import Pipeline
from bise.engine.watch import ANY_PORT, CAME, LEFT, Record, Step, Watch
from bise.engine.worker import Plan, Worker
from bise.hot import Entry, Region, load32, load64, load_acquire, store64, store_release

EVERY = 32  # of so many bursts that received something, one is timed where nothing is recorded
_MOST_RECORDS = 2048  # that the ring has room for
_RING_OCTETS = 8 << 20
_LINE = 64


@dataclass(frozen=True)
class Wanted:
    """What is to be recorded: packets of a port (None: of all) that came or left there.

    `sinks`: by name, how many of each worker's that end there; where it is None, everything. `depth`: octets of the
    packet kept at each node, 0: no steps are kept. `room`: octets kept as it came, and as it left.
    """

    port: int | None = None
    sides: int = CAME
    sinks: Mapping[str, int] | None = None
    depth: int = 0
    room: int = 2048


class _Watched:
    """One worker's memory: the plan with the twin in it, the Watch, sums by node, what is wanted by sink, the ring."""

    def __init__(self, member: Member, twin: Entry, wanted: Wanted | None) -> None:
        assert member.plan is not None
        self.member, self.plan = member, member.plan
        graph = self.plan.pipeline.graph
        steps = len(graph.order) if wanted is not None and wanted.depth else 0
        size = _record_octets(wanted, steps) if wanted is not None else 0
        count = _ring_records(size) if wanted is not None else 0
        places, end = _places((Plan.size, Watch.size, 16 * len(graph.order), 8 * len(graph.sinks), size * count))
        self._region = Region(end, huge_pages=False)
        plan, watch, self._nodes, sinks, records = (self._region.address + place for place in places)
        self._plan, self.watch = plan, Watch(watch)
        ctypes.memmove(plan, self.plan.record.address, Plan.size)
        record = Plan(plan)
        record.pipeline, record.watch = twin.address, watch
        self.watch.bare, self.watch.every = self.plan.pipeline.burst.address, EVERY
        self.watch.nodes, self.watch.wanted = self._nodes, sinks
        if wanted is not None:
            self.watch.records, self.watch.stride, self.watch.mask = records, size, count - 1
            self.watch.port = ANY_PORT if wanted.port is None else wanted.port
            self.watch.sides, self.watch.steps = wanted.sides, steps
            self.watch.depth, self.watch.room = wanted.depth, wanted.room
            for number, sink in enumerate(graph.sinks):
                left = (1 << 62) if wanted.sinks is None else wanted.sinks.get(sink.name, 0)
                store64(sinks + 8 * number, left)

    def begin(self) -> None:
        store_release(self.member.record.address + Worker.plan.offset, self._plan)

    def end(self) -> None:
        if self.stands():
            store_release(self.member.record.address + Worker.plan.offset, self.plan.record.address)

    def stands(self) -> bool:
        """False once another plan was published."""
        return self.member.plan is self.plan

    def node_sums(self) -> list[tuple[int, int]]:
        """By node: packets, and cycles less those that looking at the clock takes."""
        pairs = []
        for number in range(len(self.plan.pipeline.graph.order)):
            packets, cycles = (load64(self._nodes + 16 * number + 8 * which) for which in (0, 1))
            pairs.append((packets, max(0, cycles - packets * self.watch.overhead)))
        return pairs

    def read(self, most: int) -> list[bytes]:
        """Records that were not read yet, so many at most."""
        watch = self.watch
        records, stride, mask, tail = watch.records, watch.stride, watch.mask, watch.tail
        end = min(load_acquire(watch.address + Watch.head.offset), tail + most)
        places = [records + (number & mask) * stride for number in range(tail, end)]
        found = [ctypes.string_at(place, load32(place + Record.octets.offset)) for place in places]
        store_release(watch.address + Watch.tail.offset, end)
        return found

    def close(self) -> None:
        self._region.close()


@dataclass(frozen=True)
class Timing:
    """Packets and cycles: of each node in the graph's order, and of whole bursts that nobody watched."""

    nodes: tuple[tuple[int, int], ...]
    bare: tuple[int, int]


class Watching:
    """All workers, watched since `begin` and until `end` or until another plan is published."""

    def __init__(self, crew: Crew, twin: Entry, wanted: Wanted | None = None) -> None:
        """Every worker needs a plan, whose pipeline's `twin` this is. `wanted` None: only cycles are counted."""
        self._crew, self.wanted = crew, wanted
        self._members = [_Watched(member, twin, wanted) for member in crew.members]
        self.pipeline: Pipeline = self._members[0].plan.pipeline
        for member in self._members:
            member.begin()

    def stands(self) -> bool:
        """False once another plan was published: nothing is watched any more."""
        return all(member.stands() for member in self._members)

    def end(self) -> None:
        """The workers run their plans again. What was recorded and counted can be read until the next round."""
        for member in self._members:
            member.end()
            self._crew.epochs.retire(member.close)

    def read(self, most: int) -> list[bytes]:
        """Records, so many at most, each worker's share of them; in the order of their bursts."""
        share = max(1, most // len(self._members))
        found = [record for member in self._members for record in member.read(share)]
        return found if len(self._members) == 1 else sorted(found, key=_when)

    def timing(self) -> Timing:
        """What was counted since the beginning."""
        watches = [member.watch for member in self._members]
        sums = zip(*(member.node_sums() for member in self._members), strict=True)
        nodes = tuple((sum(packets for packets, _ in each), sum(cycles for _, cycles in each)) for each in sums)
        return Timing(nodes, (sum(w.bare_packets for w in watches), sum(w.bare_cycles for w in watches)))

    def looked(self) -> tuple[int, int]:
        """Packets that may have been wanted: looked at, and not looked at as nobody had read what was recorded."""
        watches = [member.watch for member in self._members]
        return sum(watch.seen for watch in watches), sum(watch.missed for watch in watches)


def _when(record: bytes) -> int:
    at = Record.when.offset
    return int.from_bytes(record[at : at + 8], "little")


def _record_octets(wanted: Wanted, steps: int) -> int:
    octets = Record.size + steps * (Step.size + wanted.depth) + (2 if wanted.sides & LEFT else 1) * wanted.room
    return -(-octets // _LINE) * _LINE


def _ring_records(size: int) -> int:
    """A power of two: as many as the ring's octets allow."""
    return min(_MOST_RECORDS, 1 << (_RING_OCTETS // size).bit_length() - 1)


def _places(sizes: tuple[int, ...]) -> tuple[list[int], int]:
    """Where stretches of these sizes begin, each on a line of its own, and where the last one ends."""
    places, at = [], 0
    for size in sizes:
        places.append(at)
        at += -(-size // _LINE) * _LINE
    return places, at
