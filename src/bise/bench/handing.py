"""What handing a packet over costs the worker that received it: cycles a packet, with another worker that takes them.

The one sorts bursts of plain packets of many flows, all of which are the other's, and puts them into the ring; the
other takes them out. Only the former is timed, and only while there is room; the packets are the same again and again.
Of the bursts the one in the middle counts, as now and then the machine takes a core away.
"""

import os
import statistics
import threading
from collections.abc import Sequence

from bise.bench.router import Router
from bise.engine.duty import Spreading
from bise.engine.exchange import Doorbell, Handing, Places, lay_spread, spread_octets
from bise.engine.handover import SHARES, Spread, hand_over
from bise.engine.ring import SLOTS, take, waiting
from bise.engine.worker import BURST
from bise.hot import Header, Region, cycles, entry, le64, load64, load_acquire, pause, store64
from bise.ports.dpdk.queue import receive

PACKETS = 128  # the first cache has room for them: there a driver leaves what it has just received
BURSTS = 20_000
_ROOM = SLOTS - BURST


class Errand(Header):
    """What both have to know."""

    ring = le64()
    stop = le64()  # not 0: the taker returns
    spread = le64()
    packets = le64()  # address of an array of PACKETS packet addresses
    spent = le64()  # address of an array: the cycles that each of BURSTS bursts took
    taken = le64()  # address of BURST packet addresses; scratch


_STOP = Errand.stop.offset


@entry(3)
def load(queue, packets, count):
    """Fills an array with `count` packets of a source."""
    number = 0
    while number < count:
        number += receive(queue, packets + 8 * number, min(BURST, count - number))
    return number


@entry(1)
def give(address):
    """Hands over BURSTS bursts and notes how long each took."""
    errand = Errand(address)
    spread, first = Spread(errand.spread), 0
    for number in range(BURSTS):
        while waiting(errand.ring) > _ROOM:
            pause()
        begun = cycles()
        hand_over(spread, errand.packets + 8 * first, BURST, 0)
        store64(errand.spent + 8 * number, cycles() - begun)
        first = (first + BURST) & (PACKETS - 1)
    return 0


@entry(1)
def fetch(address):
    """Takes what comes until it is told to stop."""
    errand, count = Errand(address), 0
    while load_acquire(address + _STOP) == 0:
        count += take(errand.ring, errand.taken, BURST)
    return count


def measure(router: Router, cores: Sequence[int], rounds: int) -> list[float]:
    """Cycles a packet in each round; the giver runs on the first of two cores."""
    ring_bell = Region(4096, huge_pages=False)
    ring = Handing(None, Doorbell(ring_bell.address, -1), Places())
    spreading = Spreading((0, ring.address), bytes([1]) * SHARES, 0)
    room = Region(4096 + 8 * (PACKETS + BURST + BURSTS) + spread_octets(spreading), huge_pages=False)
    errand = Errand(room.address)
    errand.ring, errand.packets = ring.address, room.address + 4096
    errand.taken = errand.packets + 8 * PACKETS
    errand.spent = errand.taken + 8 * BURST
    errand.spread = errand.spent + 8 * BURSTS
    load(router.sources[0].queues[0].address, errand.packets, PACKETS)
    lay_spread(errand.spread, 0, spreading)
    taker = threading.Thread(target=_pinned, args=(cores[1], errand.address))
    taker.start()
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores[:1])
    try:
        return [_round(errand) for _ in range(rounds)]
    finally:
        os.sched_setaffinity(0, before)
        errand.stop = 1
        taker.join()
        packets = {load64(errand.packets + 8 * number) for number in range(PACKETS)}
        router.pool.put(list(packets))


def _pinned(core: int, address: int) -> None:
    os.sched_setaffinity(0, {core})
    fetch(address)


def _round(errand: Errand) -> float:
    give(errand.address)
    return statistics.median(load64(errand.spent + 8 * number) for number in range(BURSTS)) / BURST
