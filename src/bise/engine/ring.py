"""Packets on their way from one worker to another: one puts in, one takes out, neither waits.

General layout in memory: what never changes, the giver's line, the taker's line, then the slots. A taker that is about
to sleep says so in its worker's `sleeping` and looks once more; a giver that has put something in looks there. Both
make their own word known before they read the other's, so that one of them always sees the other.
"""

from bise.hot import Header, external, fetch_add, hot, le64, load64, load_acquire, prefetch, store64, store_release

SLOTS = 512  # packets, a power of two
_write = external("write", "i64", ("i32", "i64", "i64"))


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
RING_OCTETS = Ring.size + 8 * SLOTS


@hot
def put(ring_address, packets, count):
    """Puts in the first of `count` packet addresses, as many as there is room for; returns how many."""
    ring = Ring(ring_address)
    head = ring.head
    if SLOTS - (head - ring.seen) < count:
        ring.seen = load_acquire(ring_address + _TAIL)
    taken = min(count, SLOTS - (head - ring.seen))
    for number in range(taken):
        store64(ring_address + FIRST + 8 * ((head + number) & MASK), load64(packets + 8 * number))
    fetch_add(ring_address + _HEAD, taken)
    if load_acquire(ring.sleeping) != 0:
        _ring_bell(ring)
    return taken


@hot
def _ring_bell(ring):
    store_release(ring.sleeping, 0)
    _write(ring.bell, ring.address + _STROKE, 8)


@hot
def take(ring_address, packets, room):
    """Fills the array at `packets` with up to `room` packet addresses, in the order they were put in; how many."""
    tail = load64(ring_address + _TAIL)
    count = min(load_acquire(ring_address + _HEAD) - tail, room)
    for number in range(count):
        store64(packets + 8 * number, load64(ring_address + FIRST + 8 * ((tail + number) & MASK)))
    if count > 0:
        store_release(ring_address + _TAIL, tail + count)
    return count


@hot
def look_into(ring_address, room):
    """Asks for the records of the packets that come out next, up to `room` of them."""
    tail = load64(ring_address + _TAIL)
    for number in range(min(load_acquire(ring_address + _HEAD) - tail, room)):
        prefetch(load64(ring_address + FIRST + 8 * ((tail + number) & MASK)))


@hot
def waiting(ring_address):
    """How many packets are in it."""
    return load_acquire(ring_address + _HEAD) - load_acquire(ring_address + _TAIL)
