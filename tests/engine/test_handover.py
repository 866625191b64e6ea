"""What workers hand to each other: all of it arrives, in order, and none of it promises more than its taker does."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bise.engine import worker as parts
from bise.engine.crew import Crew
from bise.engine.duty import ReceiveQueue, TransmitLane
from bise.engine.exchange import Exchange, Way
from bise.engine.handover import Spread, hand_on, wake_takers
from bise.engine.ring import SLOTS
from bise.engine.watch import LEFT
from bise.engine.watching import Wanted, Watching
from bise.engine.worker import ADAPTIVE, ALIVE_NS, HANDED, LANE_OCTETS, POLL, Lane, Worker
from bise.engine.writer import HAND_OVER
from bise.hot import MODE, Mode, Region, entry, load64, store64
from tests.engine import handed, steps
from tests.engine.rig import DRIVER, Rings, build, open_pool, twin
from tests.modes import run

FAR = 1 << 62


@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("mode", "workers", "packets", "plans"),
    [
        ("interpreted", 2, 3000, 4),
        pytest.param("compiled", 2, 200_000, 30, marks=pytest.mark.slow),
        pytest.param("compiled", 3, 200_000, 30, marks=pytest.mark.slow),
    ],
)
def test_each_flow_arrives_whole_and_in_order(mode, workers, packets, plans):
    told = json.loads(run(mode, "tests.engine.handed", workers, packets, plans))
    assert told["handed"] > packets // 3
    assert all(share > 0 for share in told["shares"])
    assert told["published"] > 1


class Two:
    """Two workers whose threads don't run, and two ports, each with one queue; bursts are called by hand."""

    def __init__(self) -> None:
        self.pool, self.words = open_pool(handed.POOL), Region(4096, huge_pages=False)
        self.state, self.ports = Region(steps.State.size, huge_pages=False), [Rings(1024), Rings(1024)]
        self.crew = Crew([0, 0], POLL, _nothing, _nothing)
        self.states = {f"{steps.__name__}.State": self.state.address}
        self.pipeline = build(handed.GRAPH, (DRIVER, HAND_OVER))
        self.publish(2)
        self.run = self.pipeline.burst

    def publish(self, ports: int) -> None:
        duties = [
            type(duty)(*(tuple(one for one in part if one.port < ports) for part in (duty.queues, duty.lanes)))
            for duty in handed.duties(2, self.ports, self.words)
        ]
        self.crew.publish(self.pipeline, duties, self.states)

    def receive(self, count: int) -> int:
        """The first worker's burst; what it returned."""
        handed.lay(self.pool, self.ports[0], range(count))
        return self.burst(0, 0)

    def empty(self) -> None:
        """What is under way arrives, and is freed."""
        while self.burst(1, self.taking(1, outwards=False)):
            self.burst(1, self.taking(1, outwards=True))
        while self.burst(1, self.taking(1, outwards=True)):
            pass
        for rings in self.ports:
            self.pool.put(rings.take())

    def by_worker(self) -> tuple[list[int], list[int]]:
        """Numbers of packets that stay with the first worker, and that are handed to the second one."""
        found: tuple[list[int], list[int]] = [], []
        for number in range(16):
            before = self.crew.received()[0, "handed"]
            handed.lay(self.pool, self.ports[0], [number])
            self.burst(0, 0)
            found[self.crew.received()[0, "handed"] - before].append(number)
        self.empty()
        return found

    def burst(self, worker: int, queue: int) -> int:
        member = self.crew.members[worker]
        assert member.plan is not None
        return self.run(member.record.address, member.record.plan, member.plan.queues[queue].address)

    def taking(self, worker: int, outwards: bool) -> int:
        """The number of the worker's queue of what the other one hands it."""
        plan = self.crew.members[worker].plan
        assert plan is not None
        found = (n for n, one in enumerate(plan.queues) if one.kind == HANDED and bool(one.straight) == outwards)
        return next(found)

    def pass_round(self) -> None:
        """As if both had come round."""
        for member in self.crew.members:
            member.record.epoch += 1
        self.crew.epochs.advance()


def _nothing() -> None:
    pass


@pytest.fixture
def two() -> Iterator[Two]:
    made = Two()
    yield made
    for rings in made.ports:
        made.pool.put(rings.take())
    assert made.pool.available() == handed.POOL
    made.pool.close()


def test_what_a_ring_has_no_room_for_is_counted(two):
    received = handed_over = 0
    while two.crew.received()[0, "lost"] == 0:
        received += two.receive(32)
        handed_over += 1
        for queue in range(len(two.crew.members[0].plan.queues)):
            while queue and two.burst(0, queue):
                pass
        two.pool.put(two.ports[1].take())
        assert handed_over < 2 * SLOTS
    counted = two.crew.received()
    assert counted[0, "handed"] == SLOTS
    assert counted[0, "packets"] == two.crew.sums().total() + counted[0, "lost"]
    assert counted[0, "packets"] + SLOTS == received
    two.empty()
    counted = two.crew.received()
    assert counted[0, "octets"] == received // 32 * sum(map(handed.size, range(32)))
    assert counted[0, "packets"] == received == two.crew.sums().total() + counted[0, "lost"]


def test_each_worker_records_what_it_leads_through_the_graph(two):
    two.run = twin(handed.GRAPH, (DRIVER, HAND_OVER))
    watching = Watching(two.crew, two.run, Wanted(sides=LEFT))
    sleeper = Sleeper(two)
    two.receive(32)
    assert sleeper.was_woken()
    staying = two.crew.sums().total()
    assert len(watching.read(100)) == staying
    two.empty()
    assert len(watching.read(100)) == 32 - staying > 0
    watching.end()
    two.pass_round()


def test_what_was_handed_over_for_a_port_that_goes_is_freed_and_counted(two):
    two.receive(32)
    staying, given = two.crew.sums().total(), two.crew.received()[0, "handed"]
    assert staying + given == 32
    assert given > 0
    two.publish(0)
    two.pass_round()
    counted = two.crew.received()
    assert counted[0, "lost"] == given
    assert counted[0, "packets"] == 32
    assert sum(member.lane(1).dropped for member in two.crew.members) == staying


def test_a_queue_promises_no_more_than_who_gets_its_packets(two):
    """The second worker doesn't run."""
    first, second = (member.record for member in two.crew.members)
    thread = threading.Thread(target=parts.work, args=(first.address,))
    second.alive = 7 * ALIVE_NS
    thread.start()
    deadline = two.words.address
    _wait(lambda: load64(deadline) == 7 * ALIVE_NS)
    second.alive = FAR
    _wait(lambda: first.now < load64(deadline) < FAR)
    assert load64(deadline) <= time.monotonic_ns() + ALIVE_NS
    second.alive = 0
    _wait(lambda: load64(deadline) == 0)
    first.stop = 1
    thread.join()
    store64(deadline, 0)


def _wait(ready) -> None:
    limit = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < limit
        time.sleep(0.001)


@entry(2)
def wake(worker, spread):
    wake_takers(Worker(worker), Spread(spread))
    return 0


class Sleeper:
    """The second worker, which is about to sleep; the program above has a third one that really does."""

    def __init__(self, two: Two, mode: int = ADAPTIVE) -> None:
        for member in two.crew.members:
            member.record.mode = mode
        self._record, self._bell = two.crew.members[1].record, two.crew.members[1].bell.descriptor
        self._record.sleeping = 1

    def was_woken(self) -> bool:
        """At most once."""
        try:
            strokes = os.eventfd_read(self._bell)
        except BlockingIOError:
            strokes = 0
        assert strokes == 1 - self._record.sleeping
        return strokes == 1


@pytest.mark.parametrize(
    ("worker", "egress", "woken"),
    [(1, 1, True), (0, 1, True), (0, 0, False)],
)
def test_a_sleeping_worker_is_woken_by_its_packets_and_by_no_others(two, worker, egress, woken):
    """`worker` gets the packets, which leave by a port of worker `egress`."""
    numbers = two.by_worker()[worker]
    sleeper = Sleeper(two)
    two.burst(0, 0)  # nothing has come
    assert not sleeper.was_woken()
    handed.lay(two.pool, two.ports[0], numbers, egress)
    two.burst(0, 0)
    assert sleeper.was_woken() == woken
    two.empty()


@pytest.mark.parametrize(
    ("mode", "handed_over", "woken"), [(ADAPTIVE, 3, True), (ADAPTIVE, 0, False), (POLL, 3, False)]
)
def test_who_fell_asleep_while_it_was_handed_something_is_woken_after_the_burst(two, mode, handed_over, woken):
    first = two.crew.members[0]
    (spread,) = (spread for _, spread in first.plan.spreads)
    sleeper = Sleeper(two, mode)
    lane = Lane(spread.lanes + LANE_OCTETS)
    lane.count = handed_over
    wake(first.record.address, spread.address)
    assert sleeper.was_woken() == woken
    assert lane.count == 0


@entry(3)
def hand_to(worker, lane, ring):
    return hand_on(Worker(worker), Lane(lane), ring)


def test_a_lane_led_elsewhere_meanwhile_is_emptied_where_the_burst_found_it_led_to(two):
    first, lane = two.crew.members[0], two.crew.members[0].lane(1)
    sleeper, found = Sleeper(two), lane.driver
    store64(lane.address + Lane.packets.offset, *two.pool.get(1))
    lane.count, lane.driver = 1, 0
    assert hand_to(first.record.address, lane.address, found) == 0
    assert sleeper.was_woken()
    assert lane.count == 0
    lane.driver = found
    two.empty()


def test_a_crew_that_starts_again_frees_nothing_too_early(two):
    for _ in range(2):
        two.publish(2)
        two.crew.start()
        _wait(two.crew.all_turning)
        two.publish(2)
        assert two.crew.members[0].leaving
        assert two.crew.stop()
        assert not two.crew.members[0].leaving


def test_shares_are_alike_for_every_port_and_smaller_for_those_who_receive():
    made = [member.bell for member in Crew([0, 0, 0], POLL, _nothing, _nothing).members]
    ports, words = [Rings(), Rings()], Region(4096, huge_pages=False)
    connected, _ = Exchange(made).connect(handed.duties(3, ports, words))
    shares = {queue.spreading.shares for duty in connected for queue in duty.queues if queue.spreading}
    assert len(shares) == 1
    (found,) = ([share.count(number) for number in range(3)] for share in shares)
    assert max(found[:2]) <= found[2] * 2 // 3 + 2


def test_only_what_is_asked_for_is_connected():
    plain = (ReceiveQueue(0, 7, 1, 0, 0, -1, -1),), (TransmitLane(0, 7, 1),)
    made = [member.bell for member in Crew([0, 0], POLL, _nothing, _nothing).members]
    exchange = Exchange(made)
    duty = type(handed.duties(1, [Rings()], Region(4096, huge_pages=False))[0])(*plain)
    connected, _ = exchange.connect([duty, duty])
    assert connected == [duty, duty]
    assert not exchange.is_used
    assert Way(0, 0, 1, False) not in exchange.clear()


def test_a_plan_with_many_spread_queues_begins_with_nothing_counted(two):
    own, other = handed.duties(2, two.ports, two.words)
    (queue,) = own.queues
    many = [replace(queue, port=0, driver=queue.driver) for _ in range(12)]
    two.crew.publish(two.pipeline, [replace(own, queues=tuple(many)), other], two.states)
    assert two.crew.sums().total() == 0
    plan = two.crew.members[0].plan
    assert plan.record.descriptor_count == 1
    assert load64(plan.record.descriptors) == two.crew.members[0].bell.descriptor | 1 << 32
