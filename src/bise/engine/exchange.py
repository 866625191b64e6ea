"""The rings between the workers of a crew, as the control thread sees them: made when a duty asks for one, kept over
plans that need it on, emptied and freed when no worker can use it.

A worker hands packets over where a queue is spread, and where it has no queue to send by. The worker that receives from
a queue that is spread has that to do besides: it gets two flows where one that doesn't gets three.
"""

import ctypes
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bise.engine.duty import Duty, ReceiveQueue, Spreading, TransmitLane
from bise.engine.handover import SHARES, SPREAD, SPREAD_OCTETS, Spread
from bise.engine.ring import FIRST, MASK, RING_OCTETS, Ring
from bise.engine.worker import HANDED, LANE_OCTETS, Lane
from bise.hot import Region, load64, store64
from bise.hot.region import HUGE_PAGE
from bise.ports.dpdk import shim

_WITH_RECEPTION, _WITHOUT = 2, 3  # shares of the flows


@dataclass(frozen=True)
class Doorbell:
    """How a worker is told that there is something for it: the word that says whether it sleeps, and what wakes it."""

    sleeping: int
    descriptor: int


@dataclass(frozen=True)
class Way:
    """What a ring is for: packets that `port` received, or that are to leave by it (`outwards`)."""

    port: int
    giver: int
    taker: int
    outwards: bool


class Places:
    """Memory for rings, a huge page's worth at a time; what was given back is used again."""

    def __init__(self) -> None:
        self._regions: list[Region] = []
        self._free: list[int] = []

    def take(self) -> int:
        """The address of RING_OCTETS zeroed octets."""
        if not self._free:
            self._regions.append(Region(HUGE_PAGE // RING_OCTETS * RING_OCTETS, huge_pages=False))
            start = self._regions[-1].address
            self._free = [start + number * RING_OCTETS for number in range(HUGE_PAGE // RING_OCTETS)]
        return self._free.pop()

    def give_back(self, place: int) -> None:
        """Nobody uses it any more."""
        ctypes.memset(place, 0, RING_OCTETS)
        self._free.append(place)


class Handing:
    """A ring and its memory."""

    def __init__(self, way: Way | None, bell: Doorbell, places: Places) -> None:
        self.way, self._places = way, places
        self.address = places.take()
        ring = Ring(self.address)
        ring.sleeping, ring.bell, ring.stroke = bell.sleeping, bell.descriptor, 1

    def waiting(self) -> int:
        """Packets in it."""
        ring = Ring(self.address)
        return int(ring.head - ring.tail)

    def empty(self) -> int:
        """Gives the pool the packets in it, which no worker may use any more; how many."""
        ring, count = Ring(self.address), self.waiting()
        slots = (self.address + FIRST + 8 * ((ring.tail + number) & MASK) for number in range(count))
        packets = [word for word in map(load64, slots) if word > 0]  # the others are copies
        if packets:
            shim.attempt("bise_pool_put", (ctypes.c_int64 * len(packets))(*packets), len(packets))
        ring.tail += count
        return count

    def close(self) -> None:
        """No worker uses it any more, and it is empty."""
        self._places.give_back(self.address)


class Exchange:
    """All rings of a crew. `bells`: of each worker."""

    def __init__(self, bells: Sequence[Doorbell]) -> None:
        self._bells = bells
        self._rings: dict[Way, Handing] = {}
        self._places = Places()
        self._unused = [Handing(None, bell, self._places) for bell in bells]  # a worker's own

    def connect(self, duties: Sequence[Duty]) -> tuple[list[Duty], list[Handing]]:
        """The duties with what leads from worker to worker, and the rings that no duty needs any more."""
        ways = set(_ways(duties))
        unneeded = [self._rings.pop(way) for way in set(self._rings) - ways]
        for way in ways - set(self._rings):
            self._rings[way] = Handing(way, self._bells[way.taker], self._places)
        shares = _shares(duties)
        return [self._connected(number, duty, duties, shares) for number, duty in enumerate(duties)], unneeded

    def _connected(self, number: int, duty: Duty, duties: Sequence[Duty], shares: bytes) -> Duty:
        queues = [self._spread(number, queue, shares) if queue.spread else queue for queue in duty.queues]
        own = (way for way in sorted(self._rings, key=_order) if way.taker == number)
        queues += [self._taking(way, duties) for way in own]
        lanes = tuple(self._lane(number, lane) for lane in duty.lanes)
        return Duty(tuple(queues), lanes, bool(self._rings))

    def _spread(self, number: int, queue: ReceiveQueue, shares: bytes) -> ReceiveQueue:
        ways = [Way(queue.port, number, taker, outwards=False) for taker in range(len(self._bells))]
        rings = tuple((self._unused[number] if way.taker == number else self._rings[way]).address for way in ways)
        return replace(queue, kind=SPREAD + queue.kind, spreading=Spreading(rings, shares, number))

    def _taking(self, way: Way, duties: Sequence[Duty]) -> ReceiveQueue:
        """The taker's queue: whatever it can't forward is Linux's as received on the port."""
        known = (queue for duty in duties for queue in duty.queues if queue.port == way.port)
        overload, punting = next(((queue.overload, queue.punting) for queue in known), (0, -1))
        ring, bell = self._rings[way].address, self._bells[way.taker].descriptor
        return ReceiveQueue(way.port, HANDED, ring, 0, overload, bell, punting, way.outwards * (way.port + 1))

    def _lane(self, number: int, lane: TransmitLane) -> TransmitLane:
        if lane.owner is None:
            return lane
        way = Way(lane.port, number, lane.owner, outwards=True)
        return replace(lane, kind=HANDED, driver=self._rings[way].address)

    def last(self, duties: Sequence[Duty]) -> list[Duty]:
        """Connected duties that receive no more than what is in the rings."""
        unused = (ring.address for ring in self._unused)
        return [
            replace(duty, queues=tuple(_last(duty.queues, ring))) for duty, ring in zip(duties, unused, strict=True)
        ]

    @property
    def is_used(self) -> bool:
        """Whether workers hand over anything."""
        return bool(self._rings)

    def is_empty(self) -> bool:
        """Whether all that was handed over was taken."""
        return not any(ring.waiting() for ring in self._rings.values())

    def clear(self) -> Counter[Way]:
        """Frees what is in the rings, which no worker may use: packets by way."""
        return Counter({way: ring.empty() for way, ring in self._rings.items()})


def _ways(duties: Sequence[Duty]) -> Iterable[Way]:
    for number, duty in enumerate(duties):
        for queue in duty.queues:
            if queue.spread:
                yield from (Way(queue.port, number, taker, False) for taker in range(len(duties)) if taker != number)
        for lane in duty.lanes:
            if lane.owner is not None:
                yield Way(lane.port, number, lane.owner, outwards=True)


def _last(queues: Sequence[ReceiveQueue], unused: int) -> Iterable[ReceiveQueue]:
    taking = [queue for queue in queues if queue.kind == HANDED]
    return taking or [replace(one, kind=HANDED, driver=unused, deadline=0, spreading=None) for one in queues[:1]]


def _order(way: Way) -> tuple[int, int, bool]:
    return way.port, way.giver, way.outwards


def _shares(duties: Sequence[Duty]) -> bytes:
    """The same for all queues: so both directions of a flow meet on one worker, whichever ports they come by."""
    weights = [_WITH_RECEPTION if any(queue.spread for queue in duty.queues) else _WITHOUT for duty in duties]
    turns = [number for turn in range(_WITHOUT) for number, weight in enumerate(weights) if weight > turn]
    return bytes(turns[number % len(turns)] for number in range(SHARES))


def spread_octets(spreading: Spreading) -> int:
    """What a Spread takes, its shares and its lanes."""
    return SPREAD_OCTETS + SHARES + LANE_OCTETS * len(spreading.rings)


def lay_spread(place: int, driver: int, spreading: Spreading) -> Spread:
    """Makes a Spread at `place`."""
    spread = Spread(place)
    spread.driver, spread.workers, spread.own = driver, len(spreading.rings), spreading.own
    spread.shares, spread.lanes = place + SPREAD_OCTETS, place + SPREAD_OCTETS + SHARES
    for number in range(0, SHARES, 8):
        store64(spread.shares + number, int.from_bytes(spreading.shares[number : number + 8], "little"))
    for worker, ring in enumerate(spreading.rings):
        lane = Lane(spread.lanes + worker * LANE_OCTETS)
        lane.kind, lane.driver = HANDED, ring
    return spread
