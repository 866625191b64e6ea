"""What handing a packet over costs the worker that received it: cycles a packet, with another worker that takes them.

The one sorts bursts of plain packets of many flows, all of which are the other's, puts them into the ring and frees
what it has copied; the other takes them out and frees them. Only the former is timed, only while there is room, and
without the reception. Both poll. Of the bursts the one in the middle counts, as now and then the machine takes a core
away.
"""

import os
import statistics
import threading
from collections.abc import Sequence

from bise.bench.router import Router, register, unregister
from bise.engine.burst import put
from bise.engine.duty import Spreading
from bise.engine.exchange import Doorbell, Handing, Places, lay_spread, spread_octets
from bise.engine.handover import SHARES, Spread, hand_over, wake_takers
from bise.engine.ring import SLOTS, take, waiting
from bise.engine.worker import BURST, POLL, Worker
from bise.hot import Header, Region, cycles, entry, hot, le64, load64, load_acquire, pause, store64
from bise.ports.dpdk.queue import receive

BURSTS = 20_000
_ROOM = SLOTS - BURST
_RECORD = 1024  # octets, enough for each of the records below


class Errand(Header):
    """What both have to know."""

    worker = le64()  # address of the giver's Worker record
    queue = le64()  # address of a source's queue
    ring = le64()
    stop = le64()  # not 0: the taker returns
    spread = le64()
    packets = le64()  # address of BURST packet addresses; scratch
    spent = le64()  # address of an array: the cycles that each of BURSTS bursts took
    taken = le64()  # address of BURST packet addresses; scratch


_STOP = Errand.stop.offset


@hot
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
    worker, spread = Worker(errand.worker), Spread(errand.spread)
    for number in range(BURSTS):
        load(errand.queue, errand.packets, BURST)
        while waiting(errand.ring) > _ROOM:
            pause()
        begun = cycles()
        hand_over(spread, errand.packets, BURST, 0)
        wake_takers(worker, spread)
        store64(errand.spent + 8 * number, cycles() - begun)
    return 0


@entry(1)
def fetch(address):
    """Takes what comes until it is told to stop."""
    errand, count = Errand(address), 0
    while load_acquire(address + _STOP) == 0:
        count += let_go(errand)
    while waiting(errand.ring) > 0:
        count += let_go(errand)
    return count


@hot
def let_go(errand):
    """Takes what has come and frees it."""
    count = take(errand.ring, errand.taken, BURST)
    put(errand.taken, count)
    return count


def measure(router: Router, cores: Sequence[int], rounds: int) -> list[float]:
    """Cycles a packet in each round; the giver runs on the first of two cores."""
    ring_bell = Region(4096, huge_pages=False)
    ring = Handing(None, Doorbell(ring_bell.address, -1), Places())
    spreading = Spreading((ring.address, ring.address), bytes([1]) * SHARES, 0)
    room = Region(2 * _RECORD + 8 * (2 * BURST + BURSTS) + spread_octets(spreading), huge_pages=False)
    errand = Errand(room.address)
    errand.worker = room.address + _RECORD
    Worker(errand.worker).mode = POLL
    errand.queue, errand.ring = router.sources[0].queues[0].address, ring.address
    errand.packets = room.address + 2 * _RECORD
    errand.taken = errand.packets + 8 * BURST
    errand.spent = errand.taken + 8 * BURST
    errand.spread = errand.spent + 8 * BURSTS
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


def _pinned(core: int, address: int) -> None:
    os.sched_setaffinity(0, {core})
    register()
    try:
        fetch(address)
    finally:
        unregister()


def _round(errand: Errand) -> float:
    give(errand.address)
    return statistics.median(load64(errand.spent + 8 * number) for number in range(BURSTS)) / BURST
