"""The workers as the control thread sees them: their memory, their threads, the plan in force, what they have counted.

Every record is a stretch of one Region, so that a worker's own counters share no cache line with another's.
"""

import ctypes
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from bise.engine import worker as parts
from bise.engine.clock import read_cycles
from bise.engine.duty import Duty, ReceiveQueue
from bise.engine.epochs import Epochs
from bise.engine.exchange import Doorbell, Exchange, Handing, Way, lay_spread, spread_octets
from bise.engine.handover import Spread
from bise.engine.pipeline import Pipeline
from bise.engine.punting import Punting
from bise.engine.worker import BURST, HANDED, LANE_OCTETS, QUERIES, Lane, Plan, Queue, Worker
from bise.hot import Header, Region, load64, store64, store_release
from bise.tables.question import Question

PORTS = 256  # lanes that each worker has room for
_LINE = 64
_PR_SET_NAME = 15  # linux/prctl.h
_PUNTING = -(-Punting.size // _LINE) * _LINE
_SCRATCH = 8 * BURST
_QUESTIONS = (QUERIES * BURST + 2) * Question.size  # with nobody's, and whole lines
_DRAIN_S = 0.2


class Member:
    """One worker: its records, its thread, and the plan that it has."""

    def __init__(self, core: int, mode: int, nanoseconds: int) -> None:
        self.core = core
        octets = 5 * _LINE + _PUNTING + 3 * _SCRATCH + _QUESTIONS + PORTS * LANE_OCTETS
        self._region = Region(octets, huge_pages=False)
        start = self._region.address
        self.record = Worker(start)
        self.punting = Punting(start + 5 * _LINE)
        self.idle_word = start + 4 * _LINE  # what stands for the deadline of a port without a kernel
        scratch = start + 5 * _LINE + _PUNTING
        self.record.received, self.record.finished = scratch, scratch + _SCRATCH
        self.record.asked, self.record.questions = scratch + 2 * _SCRATCH, scratch + 3 * _SCRATCH
        self.lanes = self.record.questions + _QUESTIONS
        self.record.mode, self.record.nanoseconds = mode, nanoseconds
        self.record.punting = self.punting.address
        self.thread: threading.Thread | None = None
        self.plan: _Memory | None = None
        self.leaving: list[_Memory] = []  # plans that it may still be in the middle of
        self.past: Counter[str] = Counter()
        self.past_received: Counter[tuple[int, str]] = Counter()

    @cached_property
    def bell(self) -> Doorbell:
        """How another worker tells this one that it has handed something over."""
        descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, descriptor)
        return Doorbell(self.record.address + Worker.sleeping.offset, descriptor)

    def packets(self) -> int:
        """What this worker has received so far."""
        return sum(number for (_, what), number in self.received().items() if what == "packets")

    def handed(self) -> int:
        """What this worker received and gave to another one."""
        return sum(number for (_, what), number in self.received().items() if what == "handed")

    def sums(self) -> Counter[str]:
        """Packets by sink since the start. Never less than before, whatever plans are exchanged meanwhile."""
        total = Counter(self.past)
        for plan in self._counting():
            total.update(plan.sums())
        return total

    def received(self) -> Counter[tuple[int, str]]:
        """By port number: "packets" and "octets" received since the start, and packets "punted", "handed" to other
        workers and "lost" where these had no room."""
        total = Counter(self.past_received)
        for plan in self._counting():
            total.update(plan.received())
        return total

    def _counting(self) -> "list[_Memory]":
        return [*self.leaving, self.plan] if self.plan is not None else []

    def lane(self, port: int) -> Lane:
        """What this worker has sent through a port."""
        return Lane(self.lanes + port * LANE_OCTETS)


class _Memory:
    """The memory of one plan, kept as long as a worker may read it. `peers`: addresses of the other workers' words that
    say how long they are alive. `lanes`: how many are emptied after each burst."""

    def __init__(
        self,
        member: Member,
        pipeline: Pipeline,
        duty: Duty,
        states: Sequence[int],
        peers: Sequence[int],
        lanes: int,
    ) -> None:
        self.pipeline, self.duty = pipeline, duty
        queues, spreads = duty.queues, [queue.spreading for queue in duty.queues if queue.spreading is not None]
        sleepers = list(dict.fromkeys(queue.descriptor for queue in queues if queue.descriptor >= 0))
        sizes = [Plan.size, 8 * len(states), 8 * len(queues), 8 * len(sleepers), 8 * len(pipeline.graph.sinks)]
        sizes += [8 * len(pipeline.graph.timers), 8 * len(peers)]
        sizes += [Queue.size] * len(queues) + [spread_octets(spreading) for spreading in spreads]
        self._region = Region(sum(-(-size // _LINE) * _LINE for size in sizes), huge_pages=False)
        places, at = [], self._region.address
        for size in sizes:
            places.append(at)
            at += -(-size // _LINE) * _LINE
        self.record = Plan(places[0])
        self.counts = places[4]
        own, of_spreads = places[7 : 7 + len(queues)], places[7 + len(queues) :]
        self.queues = [Queue(place) for place in own]
        _list(places[1], states)
        _list(places[2], own)
        _list(places[3], [descriptor | 1 << 32 for descriptor in sleepers])  # struct pollfd: POLLIN
        _list(places[6], peers)
        for number, queue in enumerate(queues):
            _describe(self.queues[number], queue, member)
        self.spreads = self._lay_spreads(of_spreads, member)
        _set(self.record, pipeline=pipeline.burst.address, queues=places[2], queue_count=len(queues))
        _set(self.record, lane_count=lanes, states=places[1])
        _set(self.record, descriptors=places[3], descriptor_count=len(sleepers), counts=self.counts)
        _set(self.record, blind=sum(queue.descriptor < 0 for queue in queues), due=places[5], lanes=member.lanes)
        _set(self.record, tick=pipeline.tick.address if pipeline.tick is not None and queues else 0)
        _set(self.record, timers=len(pipeline.graph.timers) if self.record.tick else 0)
        _set(self.record, peers=places[6], peer_count=len(peers), bell=member.bell.descriptor if peers else -1)

    def _lay_spreads(self, places: Sequence[int], member: Member) -> list[tuple[Queue, Spread]]:
        found: list[tuple[Queue, Spread]] = []
        for number, queue in enumerate(self.duty.queues):
            if queue.spreading is not None:
                place = places[len(found)]
                spread = lay_spread(place, queue.driver, queue.spreading)
                self.queues[number].driver = place
                found.append((self.queues[number], spread))
        return found

    def sums(self) -> Counter[str]:
        """Packets by sink since the plan was published."""
        names = (sink.name for sink in self.pipeline.graph.sinks)
        return Counter({name: load64(self.counts + 8 * number) for number, name in enumerate(names)})

    def received(self) -> Counter[tuple[int, str]]:
        """As the member's, since the plan was published. What is only sent for another worker was received there."""
        total: Counter[tuple[int, str]] = Counter()
        for queue in self.queues:
            if queue.kind != HANDED or queue.straight == 0:
                total[queue.port, "packets"] += queue.received
                total[queue.port, "octets"] += queue.octets
                total[queue.port, "punted"] += queue.punted
        for queue, spread in self.spreads:
            total[queue.port, "packets"] += spread.lost
            total[queue.port, "octets"] += spread.lost_octets
            total[queue.port, "lost"] += spread.lost
            total[queue.port, "handed"] += spread.handed
        return total

    def close(self) -> None:
        """No worker can read it any more."""
        self._region.close()


def _list(place: int, values: Sequence[int]) -> None:
    for number, value in enumerate(values):
        store64(place + 8 * number, value)


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
        self._exchange: Exchange | None = None
        self._duties: list[Duty] = []  # those in force
        self._left: Counter[tuple[int, str]] = Counter()  # packets handed over that nobody took
        self._lanes = 0  # those of all ports so far: packets may be on their way to a port that is gone
        self._prepare, self._leave = prepare, leave
        self.failure: BaseException | None = None

    def publish(self, pipeline: Pipeline, duties: Sequence[Duty], states: Mapping[str, int | Sequence[int]]) -> None:
        """Makes every worker run `pipeline` from its next round on; what it ran before is freed once it can't be read.

        `states`: address by the name `module.class` of each state record, or one for each worker. Lanes of ports that
        are no longer named discard what reaches them.
        """
        self._addresses = [states[f"{kind.__module__}.{kind.__qualname__}"] for kind in pipeline.source.states]
        duties, unneeded = self._connected(duties)
        self._publish(pipeline, duties)
        for ring in unneeded:
            self.epochs.retire(_Ending(self, ring))

    def _connected(self, duties: Sequence[Duty]) -> tuple[list[Duty], list[Handing]]:
        """Where nothing is handed over there is no exchange."""
        asked = any(queue.spread for duty in duties for queue in duty.queues) or any(
            lane.owner is not None for duty in duties for lane in duty.lanes
        )
        if self._exchange is None and asked:
            self._exchange = Exchange([member.bell for member in self.members])
        return (list(duties), []) if self._exchange is None else self._exchange.connect(duties)

    def _publish(self, pipeline: Pipeline, duties: Sequence[Duty]) -> None:
        self._duties = list(duties)
        self._lanes = max([self._lanes, *(lane.port + 1 for duty in duties for lane in duty.lanes)])
        for number, (member, duty) in enumerate(zip(self.members, duties, strict=True)):
            addresses = [state if isinstance(state, int) else state[number] for state in self._addresses]
            peers = self._peers(member) if duty.together else ()
            plan = _Memory(member, pipeline, duty, addresses, peers, self._lanes)
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

    def _peers(self, member: Member) -> list[int]:
        """Whoever hands packets over depends on those whom their takers hand packets to, too: on all."""
        return [other.record.address + Worker.alive.offset for other in self.members if other is not member]

    def start(self) -> None:
        """Starts the threads; every worker needs a plan by then."""
        self.epochs.begun()
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
        """Ends all threads after the burst that they are in; False if one has not, and may still use anything.

        What was handed over before is led to its end first. A crew that is to start again is given a plan again."""
        self._drain()
        for member in self.members:
            store_release(member.record.address + Worker.stop.offset, 1)
        for member in self.members:
            if member.thread is not None:
                member.thread.join(patience_s)
                if member.thread.is_alive():
                    return False
                member.thread = None
        self.epochs.stopped()
        if self._exchange is not None:
            for way, count in self._exchange.clear().items():
                self.count_left(way, count)
        return True

    def _drain(self) -> None:
        """Receives no more, until nothing is under way between workers; while one hangs, in vain."""
        if self._exchange is None or not self._exchange.is_used or not any(self.running()):
            return
        pipeline = next(member.plan.pipeline for member in self.members if member.plan is not None)
        self._publish(pipeline, self._exchange.last(self._duties))
        limit, quiet = time.monotonic() + _DRAIN_S, False
        while not quiet and time.monotonic() < limit:
            before = self._exchange.is_empty()
            quiet = self.settle(_DRAIN_S) and before and self._exchange.is_empty()

    def count_left(self, way: Way, count: int) -> None:
        """Packets that were handed over and that nobody took, as the port or the crew came to its end."""
        if way.outwards:
            self.members[way.giver].lane(way.port).dropped += count
        else:
            self._left[way.port, "packets"] += count
            self._left[way.port, "lost"] += count

    def sums(self) -> Counter[str]:
        """Packets by sink, of all workers since the start."""
        total: Counter[str] = Counter()
        for member in self.members:
            total.update(member.sums())
        return total

    def received(self) -> Counter[tuple[int, str]]:
        """By port number, as each member's; packets that came are those of all sinks and those "lost"."""
        total: Counter[tuple[int, str]] = Counter(self._left)
        for member in self.members:
            total.update(member.received())
        return total


class _Ending:
    """Frees a ring that no worker uses, and what nobody took from it."""

    def __init__(self, crew: Crew, ring: Handing) -> None:
        self._crew, self._ring = crew, ring

    def __call__(self) -> None:
        assert self._ring.way is not None
        self._crew.count_left(self._ring.way, self._ring.empty())
        self._ring.close()


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
