"""Ports whose packets come from rings in memory and go into others: a driver for tests, in every mode."""

from bise.hot import Header, external, hot, le64, load64, load_acquire, store64, store_release

_put = external("bise_pool_put", "void", ("i64", "i64"))


class Ring(Header):
    """Packet addresses on their way from one port, or a test, to another. One thread puts in, one takes out."""

    mask = le64(constant=True)  # slots, a power of two, less one
    head = le64()  # packets put in so far
    tail = le64()  # packets taken out so far
    slots = le64()  # the first of them


class Port(Header):
    """A port: where its packets come from, where they go."""

    inbox = le64(constant=True)  # address of a Ring
    outbox = le64(constant=True)
    refused = le64()  # packets that found no room


_HEAD, _TAIL, _SLOTS = Ring.head.offset, Ring.tail.offset, Ring.slots.offset


@hot
def put_in(ring_address, packets, count):
    """Puts in what there is room for; how many."""
    ring = Ring(ring_address)
    head = ring.head
    count = min(count, load_acquire(ring_address + _TAIL) + ring.mask + 1 - head)
    for number in range(count):
        store64(ring_address + _SLOTS + 8 * ((head + number) & ring.mask), load64(packets + 8 * number))
    store_release(ring_address + _HEAD, head + count)
    return count


@hot
def receive(port_address, packets, room):
    """The driver's."""
    port = Port(port_address)
    ring = Ring(port.inbox)
    tail = ring.tail
    count = min(room, load_acquire(ring.address + _HEAD) - tail)
    for number in range(count):
        store64(packets + 8 * number, load64(ring.address + _SLOTS + 8 * ((tail + number) & ring.mask)))
    store_release(ring.address + _TAIL, tail + count)
    return count


@hot
def transmit(port_address, packets, count):
    """The driver's: frees what finds no room."""
    port = Port(port_address)
    sent = put_in(port.outbox, packets, count)
    if sent < count:
        port.refused += count - sent
        _put(packets + 8 * sent, count - sent)
    return sent
