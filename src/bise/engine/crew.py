"""The workers as the control thread sees them: their memory, their threads, the plan in force, what they have counted.

Every record is a stretch of one Region, so that a worker's own counters share no cache line with another's.
"""

import ctypes
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bise.engine import worker as parts
from bise.engine.clock import read_cycles
from bise.engine.epochs import Epochs
from bise.engine.pipeline import Pipeline
from bise.engine.punting import Punting
from bise.engine.worker import BURST, LANE_OCTETS, Lane, Plan, Queue, Worker
from bise.hot import Header, Region, load64, store64, store_release

PORTS = 256  # lanes that each worker has room for
_LINE = 64
_PR_SET_NAME = 15  # linux/prctl.h
_SCRATCH = 8 * (BURST + 8)


@dataclass(frozen=True)
class ReceiveQueue:
    """A receive queue as the daemon describes it; addresses of what its driver and its steering program made.

    `descriptor` -1: none to sleep on. `deadline` and `overload` 0: the port has no kernel behind it. `punting`: what
    punted packets are written to. `straight`: not 0 where what comes is Linux's and leaves by that port less one.
    """

    port: int
    kind: int
    driver: int
    deadline: int
    overload: int
    descriptor: int
    punting: int
    straight: int = 0


@dataclass(frozen=True)
class TransmitLane:
    """Where a worker sends what leaves by a port."""

    port: int
    kind: int
    driver: int


@dataclass(frozen=True)
class Duty:
    """What one worker does: its queues and the lanes to every port."""

    queues: tuple[ReceiveQueue, ...]
    lanes: tuple[TransmitLane, ...]


class Member:
    """One worker: its records, its thread, and the plan that it has."""

    def __init__(self, core: int, mode: int, nanoseconds: int) -> None:
        self.core = core
        self._region = Region(4 * _LINE + Punting.size + 2 * _SCRATCH + PORTS * LANE_OCTETS, huge_pages=False)
        start = self._region.address
        self.record = Worker(start)
        self.punting = Punting(start + 4 * _LINE)
        self.idle_word = start + 3 * _LINE  # what stands for the deadline of a port without a kernel
        scratch = start + 4 * _LINE + Punting.size
        self.lanes = scratch + 2 * _SCRATCH
        self.record.mode, self.record.nanoseconds = mode, nanoseconds
        self.record.received, self.record.finished = scratch, scratch + _SCRATCH
        self.record.punting = self.punting.address
        _fill(scratch, 2 * _SCRATCH // 8, start)
        self.thread: threading.Thread | None = None
        self.plan: _Memory | None = None
        self.leaving: list[_Memory] = []  # plans that it may still be in the middle of
        self.past: Counter[str] = Counter()
        self.past_received: Counter[tuple[int, str]] = Counter()

    def packets(self) -> int:
        """What this worker has received so far."""
        return sum(number for (_, what), number in self.received().items() if what == "packets")

    def sums(self) -> Counter[str]:
        """Packets by sink since the start. Never less than before, whatever plans are exchanged meanwhile."""
        total = Counter(self.past)
        for plan in self._counting():
            total.update(plan.sums())
        return total

    def received(self) -> Counter[tuple[int, str]]:
        """Packets and octets received by port number since the start."""
        total = Counter(self.past_received)
        for plan in self._counting():
            total.update(plan.received())
        return total

    def _counting(self) -> "list[_Memory]":
        return [*self.leaving, self.plan] if self.plan is not None else []

    def lane(self, port: int) -> Lane:
        """What this worker has sent through a port."""
        return Lane(self.lanes + port * LANE_OCTETS)


def _fill(address: int, words: int, value: int) -> None:
    for number in range(words):
        store64(address + 8 * number, value)


class _Memory:
    """The memory of one plan, kept as long as a worker may read it."""

    def __init__(self, member: Member, pipeline: Pipeline, duty: Duty, states: Sequence[int]) -> None:
        self.pipeline, self.duty = pipeline, duty
        queues = len(duty.queues)
        sleepers = [queue.descriptor for queue in duty.queues if queue.descriptor >= 0]
        sizes = [Plan.size, 8 * len(states), 8 * queues, 8 * len(sleepers), 8 * len(pipeline.graph.sinks)]
        sizes += [8 * len(pipeline.graph.timers)]
        sizes += [Queue.size] * queues
        self._region = Region(sum(-(-size // _LINE) * _LINE for size in sizes), huge_pages=False)
        places, at = [], self._region.address
        for size in sizes:
            places.append(at)
            at += -(-size // _LINE) * _LINE
        self.record = Plan(places[0])
        self.counts = places[4]
        self.queues = [Queue(place) for place in places[6:]]
        for number, address in enumerate(states):
            store64(places[1] + 8 * number, address)
        for number, queue in enumerate(duty.queues):
            store64(places[2] + 8 * number, places[6 + number])
            _describe(self.queues[number], queue, member)
        for number, descriptor in enumerate(sleepers):
            store64(places[3] + 8 * number, descriptor | 1 << 32)  # struct pollfd: POLLIN
        _set(self.record, pipeline=pipeline.burst.address, queues=places[2], queue_count=queues, lanes=member.lanes)
        _set(self.record, lane_count=max((lane.port + 1 for lane in duty.lanes), default=0), states=places[1])
        _set(self.record, descriptors=places[3], descriptor_count=len(sleepers), counts=self.counts)
        _set(self.record, blind=queues - len(sleepers), due=places[5])
        _set(self.record, tick=pipeline.tick.address if pipeline.tick is not None and queues else 0)
        _set(self.record, timers=len(pipeline.graph.timers) if self.record.tick else 0)

    def sums(self) -> Counter[str]:
        """Packets by sink since the plan was published."""
        names = (sink.name for sink in self.pipeline.graph.sinks)
        return Counter({name: load64(self.counts + 8 * number) for number, name in enumerate(names)})

    def received(self) -> Counter[tuple[int, str]]:
        """Packets and octets received by port number since the plan was published."""
        total: Counter[tuple[int, str]] = Counter()
        for queue in self.queues:
            total[queue.port, "packets"] += queue.received
            total[queue.port, "octets"] += queue.octets
            total[queue.port, "punted"] += queue.punted
        return total

    def close(self) -> None:
        """No worker can read it any more."""
        self._region.close()


def _set(record: Header, **values: int) -> None:
    for name, value in values.items():
        setattr(record, name, value)


def _describe(record: Queue, queue: ReceiveQueue, member: Member) -> None:
    _set(record, driver=queue.driver, kind=queue.kind, port=queue.port, straight=queue.straight, punting=queue.punting)
    _set(record, deadline=queue.deadline or member.idle_word, overload=queue.overload)


class Crew:
    """All workers of a process. Used by the control thread alone.

    `prepare` and `leave` run in each worker's thread before and after its loop: they make it known to the packet pool.
    """

    def __init__(self, cores: Sequence[int], mode: int, prepare: Callable[[], None], leave: Callable[[], None]) -> None:
        scale = _nanoseconds_a_cycle()
        self.members = [Member(core, mode, scale) for core in cores]
        self.epochs = Epochs([member.record for member in self.members])
        self._prepare, self._leave = prepare, leave
        self.failure: BaseException | None = None

    def publish(self, pipeline: Pipeline, duties: Sequence[Duty], states: Mapping[str, int | Sequence[int]]) -> None:
        """Makes every worker run `pipeline` from its next round on; what it ran before is freed once it can't be read.

        `states`: address by the name `module.class` of each state record, or one for each worker. Lanes of ports that
        are no longer named discard what reaches them.
        """
        found = [states[f"{kind.__module__}.{kind.__qualname__}"] for kind in pipeline.source.states]
        for number, (member, duty) in enumerate(zip(self.members, duties, strict=True)):
            addresses = [state if isinstance(state, int) else state[number] for state in found]
            plan = _Memory(member, pipeline, duty, addresses)
            known = {lane.port: lane for lane in duty.lanes}
            for port in range(PORTS):
                lane = member.lane(port)
                if port in known:
                    lane.kind, lane.driver = known[port].kind, known[port].driver
                elif lane.driver:
                    lane.driver = 0
            before, member.plan = member.plan, plan
            store_release(member.record.address + Worker.plan.offset, plan.record.address)
            if before is not None:
                member.leaving.append(before)
                self.epochs.retire(_Closing(member, before))

    def start(self) -> None:
        """Starts the threads; every worker needs a plan by then."""
        for member in self.members:
            member.record.stop = 0
            name = f"worker-{member.core}"
            member.thread = threading.Thread(target=self._run, args=(member,), name=name, daemon=True)
            member.thread.start()

    def _run(self, member: Member) -> None:
        try:
            os.sched_setaffinity(0, {member.core})
            ctypes.CDLL(None).prctl(_PR_SET_NAME, f"worker-{member.core}".encode(), 0, 0, 0)
            self._prepare()
            parts.work(member.record.address)
            self._leave()
        except BaseException as failure:
            self.failure = failure
            raise

    def settle(self, timeout_s: float = 5.0) -> bool:
        """Waits until every worker has passed a round boundary; False if one has not by then."""
        passed: list[bool] = []
        self.epochs.retire(lambda: passed.append(True))
        limit = time.monotonic() + timeout_s
        while not passed and time.monotonic() < limit and any(self.running()):
            self.epochs.advance()
            time.sleep(0.0005)
        return bool(passed)

    def running(self) -> list[bool]:
        """Which of the threads live."""
        return [member.thread is not None and member.thread.is_alive() for member in self.members]

    def all_turning(self) -> bool:
        """Whether every worker has ended a round by now."""
        return all(member.record.epoch > 0 for member in self.members)

    def stop(self, patience_s: float | None = None) -> bool:
        """Ends all threads after the burst that they are in; False if one has not, and may still use anything."""
        for member in self.members:
            store_release(member.record.address + Worker.stop.offset, 1)
        for member in self.members:
            if member.thread is not None:
                member.thread.join(patience_s)
                if member.thread.is_alive():
                    return False
                member.thread = None
        self.epochs.stopped()
        return True

    def sums(self) -> Counter[str]:
        """Packets by sink, of all workers since the start."""
        total: Counter[str] = Counter()
        for member in self.members:
            total.update(member.sums())
        return total

    def received(self) -> Counter[tuple[int, str]]:
        """By port number: "packets" and "octets" that the workers received since the start, and packets "punted"."""
        total: Counter[tuple[int, str]] = Counter()
        for member in self.members:
            total.update(member.received())
        return total


class _Closing:
    """Keeps what a plan has counted when it is freed."""

    def __init__(self, member: Member, plan: _Memory) -> None:
        self._member, self._plan = member, plan

    def __call__(self) -> None:
        self._member.leaving.remove(self._plan)
        self._member.past.update(self._plan.sums())
        self._member.past_received.update(self._plan.received())
        self._plan.close()


def _nanoseconds_a_cycle() -> int:
    """The length of a cycle of the time-stamp counter in ns, times 2^32; measured over 20 ms."""
    read_cycles()  # the first call loads its code: that would count as part of the 20 ms
    begin, start = time.monotonic_ns(), read_cycles()
    time.sleep(0.02)
    return ((time.monotonic_ns() - begin) << 32) // max(1, read_cycles() - start)
