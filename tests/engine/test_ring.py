"""A ring between two threads keeps every packet, and their order; who sleeps is woken."""

import os
import threading

import pytest

from bise.engine.ring import RING_OCTETS, SLOTS, Ring, look_into, put, take, waiting
from bise.hot import MODE, Header, Mode, Region, entry, le64, load64, store64

LUMP = 32
MANY = {Mode.COMPILED: 3_000_000, Mode.CHECKED: 300_000, Mode.INTERPRETED: 6_000}[MODE]
PLACE = 8192  # of the array that packets are put in from, or taken to


class Errand(Header):
    """What a thread is to do, and what became of it."""

    ring = le64()
    array = le64()  # address of LUMP numbers
    many = le64()
    wrong = le64()
    refused = le64()


@entry(1)
def give(address):
    """Puts in the numbers from 0 on, in lumps of every size."""
    errand = Errand(address)
    number, lump = 0, 1
    while number < errand.many:
        count = min(lump, errand.many - number)
        for place in range(count):
            store64(errand.array + 8 * place, number + place)
        taken = put(errand.ring, errand.array, count)
        errand.refused += count - taken
        number += taken
        lump = lump % LUMP + 1
    return number


@entry(1)
def fetch(address):
    """Takes numbers out until it has as many as there are; counts those that are not the next."""
    errand = Errand(address)
    number, lump = 0, LUMP
    while number < errand.many:
        count = take(errand.ring, errand.array, lump)
        for place in range(count):
            if load64(errand.array + 8 * place) != number + place:
                errand.wrong += 1
        number += count
        lump = lump % LUMP + 7
        if lump > LUMP:
            lump = 1
    return number


@entry(3)
def put_in(ring, packets, count):
    return put(ring, packets, count)


@entry(3)
def take_out(ring, packets, room):
    return take(ring, packets, room)


@entry(1)
def still(ring):
    return waiting(ring)


@entry(2)
def look(ring, room):
    look_into(ring, room)
    return waiting(ring)


@pytest.fixture
def ring():
    region = Region(4 * PLACE, huge_pages=False)
    made = Ring(region.address)
    assert RING_OCTETS <= PLACE - 64
    made.sleeping = region.address + PLACE - 8
    made.stroke = 1
    made.memory = region
    return made


def place(ring, which):
    return ring.address + which * PLACE


def test_two_threads_lose_and_disorder_nothing(ring):
    errands = [Errand(place(ring, which)) for which in (1, 2)]
    for which, errand in enumerate(errands, 1):
        errand.ring, errand.array, errand.many = ring.address, place(ring, which) + 1024, MANY
    threads = [
        threading.Thread(target=job, args=(errand.address,)) for job, errand in zip((give, fetch), errands, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errands[1].wrong == 0
    assert still(ring.address) == 0
    assert ring.head == ring.tail == MANY


def test_what_has_no_room_stays_with_the_giver(ring):
    ring.head = ring.tail = ring.seen = SLOTS - 5  # the slots' end is somewhere in between
    for number in range(SLOTS + 10):
        store64(place(ring, 1) + 8 * (number % 100), number)
        assert put_in(ring.address, place(ring, 1) + 8 * (number % 100), 1) == (number < SLOTS)
    assert still(ring.address) == SLOTS
    assert take_out(ring.address, place(ring, 2), 3) == 3
    assert put_in(ring.address, place(ring, 1), 4) == 3
    assert [load64(place(ring, 2) + 8 * number) for number in range(3)] == [0, 1, 2]


def test_looking_into_it_takes_nothing(ring):
    assert look(ring.address, LUMP) == 0
    put_in(ring.address, place(ring, 1), 5)
    assert look(ring.address, 3) == look(ring.address, LUMP) == 5
    assert (ring.head, ring.tail) == (5, 0)


def test_only_a_sleeper_is_woken_and_once(ring):
    ring.bell = os.eventfd(0, os.EFD_NONBLOCK)
    put_in(ring.address, place(ring, 1), 1)
    with pytest.raises(BlockingIOError):
        os.eventfd_read(ring.bell)
    store64(ring.sleeping, 1)
    put_in(ring.address, place(ring, 1), 1)
    put_in(ring.address, place(ring, 1), 1)
    assert os.eventfd_read(ring.bell) == 1
    assert load64(ring.sleeping) == 0
    os.close(ring.bell)
