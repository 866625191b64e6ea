"""A ring between two threads keeps every packet, small or large, and their order; who sleeps is woken."""

import ctypes
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.engine.burst import get
from bise.engine.burst import put as free
from bise.engine.ring import RING_OCTETS, SLOTS, SMALL, Ring, look_into, make_room, put, take, waiting, wake
from bise.hot import MODE, Header, Mode, Region, entry, fence, le64, load64, store64
from bise.ports.mbuf import HEADROOM, ROOM, Mbuf
from tests.engine.rig import open_pool

LUMP = 32
MANY = {Mode.COMPILED: 2_000_000, Mode.CHECKED: 200_000, Mode.INTERPRETED: 3_000}[MODE]
ARRAY = RING_OCTETS + 4096  # where arrays of packets begin
PACKETS = 2047
INDIRECT = 1 << 62  # RTE_MBUF_F_INDIRECT
CHECKSUM_GOOD = 1 << 7  # RTE_MBUF_F_RX_IP_CKSUM_GOOD


class Errand(Header):
    """What a thread is to do, and what became of it."""

    ring = le64()
    array = le64()  # address of LUMP packets
    many = le64()
    wrong = le64()
    refused = le64()


@entry(1)
def give(address):
    """Puts in packets that are numbered from 0 on, in lumps and with octets of every size."""
    errand = Errand(address)
    number, lump = 0, 1
    while number < errand.many:
        count = min(lump, errand.many - number)
        if get(errand.array, count) != 0:
            continue
        for place in range(count):
            buffer = Mbuf(load64(errand.array + 8 * place))
            buffer.data_len = 8 + (number + place) % (SMALL + 20)
            buffer.pkt_len = buffer.data_len
            end = buffer.buf_addr + buffer.data_off + buffer.data_len
            store64(end - 8, number + place)
        taken = put(errand.ring, errand.array, count)
        if taken < count:
            free(errand.array + 8 * taken, count - taken)
            errand.refused += count - taken
        fence()
        wake(errand.ring)
        number += taken
        lump = lump % LUMP + 1
    return number


@entry(1)
def fetch(address):
    """Takes packets out until it has as many as there are; counts those that are not the next one as it was."""
    errand = Errand(address)
    number, lump = 0, LUMP
    while number < errand.many:
        count = take(errand.ring, errand.array, lump)
        for place in range(count):
            look_into(errand.ring, place)
            buffer = Mbuf(load64(errand.array + 8 * place))
            octets = 8 + (number + place) % (SMALL + 20)
            found = load64(buffer.buf_addr + buffer.data_off + octets - 8)
            if found != number + place or buffer.data_len != octets or buffer.pkt_len != octets:
                errand.wrong += 1
        if count > 0:
            free(errand.array, count)
        number += count
        lump = lump % LUMP + 7
        if lump > LUMP:
            lump = 1
    return number


@entry(3)
def put_in(ring, packets, count):
    for number in range(count):
        make_room(ring, number)
    return put(ring, packets, count)


@entry(3)
def take_out(ring, packets, room):
    return take(ring, packets, room)


@entry(1)
def still(ring):
    return waiting(ring)


@entry(2)
def look(ring, number):
    look_into(ring, number)
    return waiting(ring)


@entry(1)
def wake_up(ring):
    fence()
    wake(ring)
    return 0


class Way:
    """A ring, and packets for it."""

    def __init__(self) -> None:
        self.pool, self._region = open_pool(PACKETS), Region(ARRAY + 16384, huge_pages=False)
        self.ring = Ring(self._region.address)
        self.ring.sleeping = self._region.address + RING_OCTETS
        self.ring.stroke = 1

    def array(self, which: int) -> int:
        return self.ring.address + ARRAY + 4096 * which

    def packet(self, octets: bytes, **fields: int) -> int:
        (made,) = self.pool.get(1)
        mbuf = Mbuf(made)
        for name, value in {"data_len": len(octets), "pkt_len": len(octets), "port": 3, **fields}.items():
            setattr(mbuf, name, value)
        ctypes.memmove(mbuf.buf_addr + mbuf.data_off, octets, len(octets))
        return made

    def put(self, *packets: int) -> int:
        for number, packet in enumerate(packets):
            store64(self.array(0) + 8 * number, packet)
        return put_in(self.ring.address, self.array(0), len(packets))

    def take(self, room: int = LUMP) -> list[int]:
        count = take_out(self.ring.address, self.array(1), room)
        return [load64(self.array(1) + 8 * number) for number in range(count)]

    def close(self) -> None:
        while packets := self.take():
            self.pool.put(packets)
        assert self.pool.available() == PACKETS
        self.pool.close()


def octets_of(packet: int) -> bytes:
    mbuf = Mbuf(packet)
    return ctypes.string_at(mbuf.buf_addr + mbuf.data_off, mbuf.data_len)


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    made = Way()
    yield made
    made.close()


def test_two_threads_lose_and_disorder_nothing(way):
    before = way.ring.head
    errands = [Errand(way.array(which) + 2048) for which in (0, 1)]
    for which, errand in enumerate(errands):
        errand.ring, errand.array, errand.many = way.ring.address, way.array(which), MANY
        errand.wrong = errand.refused = 0
    threads = [
        threading.Thread(target=job, args=(errand.address,)) for job, errand in zip((give, fetch), errands, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errands[1].wrong == 0
    assert still(way.ring.address) == 0
    assert way.ring.head == way.ring.tail == before + MANY
    assert way.pool.available() == PACKETS


@given(st.lists(st.tuples(st.integers(0, 2 * SMALL), st.sampled_from([0, CHECKSUM_GOOD, INDIRECT])), max_size=LUMP))
def test_what_comes_out_is_what_went_in(way, kinds):
    laid = [os.urandom(octets) for octets, _ in kinds]
    packets = [way.packet(octets, ol_flags=flags) for octets, (_, flags) in zip(laid, kinds, strict=True)]
    assert way.put(*packets) == len(packets)
    found = way.take()
    assert [octets_of(packet) for packet in found] == laid
    assert all((Mbuf(packet).port, Mbuf(packet).nb_segs, Mbuf(packet).refcnt) == (3, 1, 1) for packet in found)
    for packet in found:
        Mbuf(packet).ol_flags = 0
    way.pool.put(found)


def stays_where_it_is(way: Way, packet: int) -> bool:
    """Whether the same packet comes out; it is free then."""
    available = way.pool.available()
    assert way.put(packet) == 1
    same = way.pool.available() == available
    mbuf = Mbuf(packet)
    (found,) = way.take()
    if same:
        assert found == packet
        mbuf.ol_flags, mbuf.nb_segs, mbuf.refcnt = 0, 1, 1
        mbuf.data_len = mbuf.pkt_len = 0
    way.pool.put([found])
    return same


def test_only_small_packets_of_one_piece_travel_as_copies(way):
    assert not stays_where_it_is(way, way.packet(bytes(SMALL)))
    assert not stays_where_it_is(way, way.packet(b""))
    assert stays_where_it_is(way, way.packet(bytes(SMALL + 1)))
    assert stays_where_it_is(way, way.packet(bytes(60), nb_segs=2, pkt_len=1500))
    assert stays_where_it_is(way, way.packet(bytes(60), refcnt=2))
    assert stays_where_it_is(way, way.packet(bytes(60), ol_flags=INDIRECT))
    assert not stays_where_it_is(way, way.packet(bytes(60), ol_flags=CHECKSUM_GOOD))


def test_nothing_beyond_a_buffer_is_copied(way):
    last = HEADROOM + ROOM - SMALL
    assert not stays_where_it_is(way, way.packet(bytes(60), data_off=last))
    assert stays_where_it_is(way, way.packet(bytes(60), data_off=last + 1))


def test_a_copy_waits_for_memory_and_what_came_before_it_does_not(way):
    large, small = way.packet(bytes(2 * SMALL)), way.packet(b"x" * 60)
    assert way.put(large, small, way.packet(bytes(2 * SMALL))) == 3
    taken = way.pool.get(way.pool.available())
    assert way.take() == [large]
    assert way.take() == []
    assert still(way.ring.address) == 2
    way.pool.put(taken)
    found = way.take()
    assert [len(octets_of(packet)) for packet in found] == [60, 2 * SMALL]
    way.pool.put([large, *found])


def test_what_has_no_room_stays_with_the_giver(way):
    begin = way.ring.head
    packets = [way.packet(number.to_bytes(8, "big")) for number in range(SLOTS + 10)]
    taken = [way.put(packet) for packet in packets]
    assert taken == [1] * SLOTS + [0] * 10
    assert still(way.ring.address) == SLOTS
    first = way.take(3)
    assert [octets_of(packet) for packet in first] == [number.to_bytes(8, "big") for number in range(3)]
    assert way.put(*packets[-10:-6]) == 3
    assert way.ring.head == begin + SLOTS + 3
    way.pool.put([*first, *packets[-7:]])
    while found := way.take():
        way.pool.put(found)


def test_looking_into_it_takes_nothing(way):
    begin = way.ring.head
    assert look(way.ring.address, 0) == 0
    way.put(*(way.packet(bytes(octets)) for octets in (0, 60, 2 * SMALL)))
    assert look(way.ring.address, 2) == look(way.ring.address, 3) == look(way.ring.address, LUMP) == 3
    assert (way.ring.head, way.ring.tail) == (begin + 3, begin)
    way.pool.put(way.take())


def test_only_a_sleeper_is_woken_and_once(way):
    way.ring.bell = os.eventfd(0, os.EFD_NONBLOCK)
    wake_up(way.ring.address)
    with pytest.raises(BlockingIOError):
        os.eventfd_read(way.ring.bell)
    store64(way.ring.sleeping, 1)
    wake_up(way.ring.address)
    wake_up(way.ring.address)
    assert os.eventfd_read(way.ring.bell) == 1
    assert load64(way.ring.sleeping) == 0
    os.close(way.ring.bell)
