"""Packets on their way from one worker to another: one puts in, one takes out, neither waits.

General layout in memory: what never changes, the giver's line, the taker's line, a word for each slot, then the first
64 octets of each slot's packet, then the next 64. A large packet stays where it is: its slot's word is the address of
its record. A small one travels as a copy: the giver frees its packet, and the taker fills another one. For what another
core wrote last has to be fetched from its cache, which costs more than all else here: one line or two of octets instead
of a record, its second line and the octets, and of these once more when the packet is the giver's to fill again.

A taker that is about to sleep says so in its worker's `sleeping` and looks once more; a giver that has put something in
looks there, in `wake`. Both make their own word known before they read the other's, so that one of them always sees the
other. For the giver that is a `fence`, which waits until all that it has written is known: it comes when most of it is.
"""

from bise.hot import (
    Header,
    copy_line,
    expect,
    external,
    hot,
    le64,
    load64,
    load_acquire,
    prefetch,
    prefetch_write,
    store64,
    store_release,
    unsigned_less,
)
from bise.ports.mbuf import HEADROOM, ROOM, Mbuf, receive_into

SLOTS = 512  # packets, a power of two
SMALL = 128  # octets: a packet that has no more of them travels as a copy
_LINE = 64
_OBLIGING = -1 << 23  # RTE_MBUF_F_FIRST_FREE and above: flags that bind a record to memory or tell its sender to act
_SINGLE = 1 << 32 | 1 << 16  # nb_segs and refcnt of a packet in one piece; where they are so, less this is data_off
_BEGINNINGS = HEADROOM + ROOM - SMALL + 1  # of data_off: whole lines are copied, which must not lead out of a buffer
_COPY = -1 << 63  # in a slot's word: the port that received the copy, and its octets in the lowest bits
_PORT_SHIFT = 16
_PART = 0xFFFF
_ALL_BUT_PORT = (1 << 48) - 1
_NEXT, _REARM = Mbuf.next.offset, Mbuf.data_off.offset
_write = external("write", "i64", ("i32", "i64", "i64"))
_get_bare = external("bise_pool_get_bare", "i64", ("i64", "i64"))
_put_single = external("bise_pool_put_single", "void", ("i64", "i64"))


class Ring(Header):
    """The slots follow; RING_OCTETS in all."""

    sleeping = le64(constant=True)  # address of the word that says, if it is not 0, that the taker sleeps
    bell = le64(constant=True)  # descriptor that wakes it
    stroke = le64()  # what is written there; 1
    reserved_1 = le64()
    reserved_2 = le64()
    reserved_3 = le64()
    reserved_4 = le64()
    reserved_5 = le64()
    head = le64()  # packets put in so far; written by the giver
    seen = le64()  # `tail` when the giver last looked
    reserved_6 = le64()
    reserved_7 = le64()
    reserved_8 = le64()
    reserved_9 = le64()
    reserved_10 = le64()
    reserved_11 = le64()
    tail = le64()  # packets taken out so far; written by the taker
    reserved_12 = le64()
    reserved_13 = le64()
    reserved_14 = le64()
    reserved_15 = le64()
    reserved_16 = le64()
    reserved_17 = le64()
    reserved_18 = le64()


_STROKE, _HEAD, _TAIL = Ring.stroke.offset, Ring.head.offset, Ring.tail.offset
FIRST, MASK = Ring.size, SLOTS - 1
_LINES = FIRST + 8 * SLOTS
_FURTHER = _LINE * (SLOTS + 1)  # from a slot's first line to its second one, which another set of the cache holds
RING_OCTETS = _LINES + _FURTHER + _LINE * SLOTS


@hot
def make_room(ring_address, number):
    """Asks for the line of a slot that is about to be filled: the next one, or the one `number` slots behind it."""
    prefetch_write(_line(ring_address, Ring(ring_address).head + number))


@hot
def put(ring_address, packets, count):
    """Puts in the first of `count` packets of an array, as many as there is room for; returns how many. Those are the
    ring's or freed, and their places in the array mean nothing any more. `fence` and `wake` have to follow."""
    ring = Ring(ring_address)
    head = ring.head
    if SLOTS - (head - ring.seen) < count:
        ring.seen = load_acquire(ring_address + _TAIL)
    taken, copied = min(count, SLOTS - (head - ring.seen)), 0
    for number in range(taken):
        buffer = Mbuf(load64(packets + 8 * number))
        word = buffer.address
        if expect(_is_small(buffer), True):
            word = _lay(_line(ring_address, head + number), buffer)
            store64(packets + 8 * copied, buffer.address)
            copied += 1
        store64(_word(ring_address, head + number), word)
    store_release(ring_address + _HEAD, head + taken)
    if copied > 0:
        _put_single(packets, copied)
    return taken


@hot
def wake(ring_address):
    """Wakes the taker if it sleeps. Nobody is overlooked where a `fence` stands between what was put in and this."""
    ring = Ring(ring_address)
    if load_acquire(ring.sleeping) != 0:
        store_release(ring.sleeping, 0)
        _write(ring.bell, ring.address + _STROKE, 8)


@hot
def _word(ring_address, slot):
    return ring_address + FIRST + 8 * (slot & MASK)


@hot
def _line(ring_address, slot):
    return ring_address + _LINES + _LINE * (slot & MASK)


@hot
def _is_small(buffer):
    """Whether its few octets, in one piece, are all that there is to it."""
    single = unsigned_less((load64(buffer.address + _REARM) & _ALL_BUT_PORT) - _SINGLE, _BEGINNINGS)
    return single and buffer.data_len <= SMALL and buffer.ol_flags & _OBLIGING == 0


@hot
def _lay(line, buffer):
    """Copies a packet's octets into a slot; returns the word that says so."""
    data, octets = buffer.buf_addr + buffer.data_off, buffer.data_len
    copy_line(line, data)
    if octets > _LINE:
        copy_line(line + _FURTHER, data + _LINE)
    return _COPY | buffer.port << _PORT_SHIFT | octets


@hot
def take(ring_address, packets, room):
    """Fills the array at `packets` with up to `room` packets, in the order they were put in; how many. Copies for which
    there is no memory wait in the ring, and so does what is behind them."""
    tail = load64(ring_address + _TAIL)
    count = min(load_acquire(ring_address + _HEAD) - tail, room)
    copies = _copies(ring_address, tail, count)
    while copies > 0 and _get_bare(packets + 8 * (count - copies), copies) != 0:
        count >>= 1
        copies = _copies(ring_address, tail, count)
    empty = packets + 8 * (count - copies)
    for number in range(count):
        word = load64(_word(ring_address, tail + number))
        if expect(word < 0, True):
            word = _fill(load64(empty), word, _line(ring_address, tail + number))
            empty += 8
        else:
            _fetch(Mbuf(word))
        store64(packets + 8 * number, word)
    if count > 0:
        store_release(ring_address + _TAIL, tail + count)
    return count


@hot
def _copies(ring_address, tail, count):
    """How many of the packets that come out next are copies."""
    found = 0
    for number in range(count):
        found += load64(_word(ring_address, tail + number)) < 0
    return found


@hot
def _fill(buffer_address, word, line):
    """Makes an empty packet what a slot's copy says; returns its address."""
    buffer, octets = Mbuf(buffer_address), word & _PART
    receive_into(buffer, HEADROOM, octets, word >> _PORT_SHIFT & _PART)
    data = buffer.buf_addr + HEADROOM
    copy_line(data, line)
    if octets > _LINE:
        copy_line(data + _LINE, line + _FURTHER)
    return buffer_address


@hot
def _fetch(buffer):
    """Asks for what is needed of a packet that stayed where it was; its record was asked for before."""
    prefetch(buffer.address + _NEXT)  # on a cache line of its own; read when it is freed
    prefetch_write(buffer.buf_addr + buffer.data_off)


@hot
def look_into(ring_address, number):
    """Asks for what comes out next, or `number` packets later: a copy, or a record."""
    slot = load64(ring_address + _TAIL) + number
    if slot < load_acquire(ring_address + _HEAD):
        word = load64(_word(ring_address, slot))
        prefetch(_line(ring_address, slot) if word < 0 else word)


@hot
def waiting(ring_address):
    """How many packets are in it."""
    return load_acquire(ring_address + _HEAD) - load_acquire(ring_address + _TAIL)
