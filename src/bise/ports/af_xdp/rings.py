"""`receive` and `transmit` over the four rings of an AF_XDP socket, and the memory that says where they are.

An address in a ring is an offset from the start of the pool's memory (low 48 bits), with the packet's place in its
buffer above. A packet whose buffer the kernel holds is marked as lent, so that closing the socket finds it again.
The indices are 32 bits wide and wrap.
"""

from bise.hot import (
    Header,
    external,
    hot,
    le16,
    le32,
    le64,
    load32,
    load64,
    load_acquire,
    prefetch,
    shift_left64,
    shift_right64,
    store64,
    store_release,
)
from bise.ports.mbuf import BUFFER, Mbuf, receive_into

SCRATCH = 64  # packets that are taken from the pool, or given back, at once
REFILLS = 8  # times SCRATCH: how much one call refills at most
KICK = 32  # packets that the kernel sends in one system call, in copy mode
PLACE_BITS = 48
PLACE = (1 << PLACE_BITS) - 1
INDEX = (1 << 32) - 1
_NEED_WAKEUP = 1
_DONT_WAIT = 0x40  # MSG_DONTWAIT

_get = external("bise_pool_get", "i64", ("i64", "i64"))
_put = external("bise_pool_put", "void", ("i64", "i64"))
_sendto = external("sendto", "i64", ("i32", "i64", "i64", "i32", "i64", "i32"))
_recvfrom = external("recvfrom", "i64", ("i32", "i64", "i64", "i32", "i64", "i64"))


class Ring(Header):
    """One ring that the kernel shares with us; we own one of its two indices. A cache line."""

    producer = le64(constant=True)  # address of the index that its filler moves
    consumer = le64(constant=True)  # address of the index that its emptier moves
    flags = le64(constant=True)
    entries = le64(constant=True)  # address of the first entry
    mask = le64(constant=True)  # its size less one
    own = le64()  # our index
    seen = le64()  # the other index when we last looked
    reserved = le64()


class Descriptor(Header):
    """An entry of the receive and transmit rings (struct xdp_desc)."""

    place = le64()
    length = le32()
    options = le32()


_ENTRY = Descriptor.size


class SocketQueue(Header):
    """A socket: its rings and what happened on it. Written by its worker, set up by the control thread."""

    umem = le64(constant=True)  # address of the pool's memory
    descriptor = le32(constant=True)
    mark = le32(constant=True)  # what a packet's `packet_type` holds while its buffer is the kernel's
    port = le16(constant=True)  # number that received packets carry
    queue = le16(constant=True)
    reserved = le32()
    received = le64()  # packets
    transmitted = le64()  # packets that the kernel was given
    tx_dropped = le64()  # packets that there was no room for, or of several segments: freed
    starved = le64()  # times that the pool had nothing to refill with
    waiting = le64()  # packets in the transmit ring that the kernel has not taken, at the last look


_RX = SocketQueue.size
_TX = _RX + Ring.size
_FILL = _TX + Ring.size
_COMPLETION = _FILL + Ring.size
RINGS = {"rx": _RX, "tx": _TX, "fill": _FILL, "completion": _COMPLETION}  # offsets from the queue's address
_SCRATCH = _COMPLETION + Ring.size
QUEUE_OCTETS = _SCRATCH + 8 * SCRATCH


@hot
def receive(queue_address, packets, room):
    """Fills the array at `packets` with up to `room` packets and returns how many; lends the kernel empty ones."""
    queue, ring = SocketQueue(queue_address), Ring(queue_address + _RX)
    own, umem, port = ring.own, queue.umem, queue.port
    count = min((load_acquire(ring.producer) - own) & INDEX, room)
    for number in range(count):
        descriptor = Descriptor(ring.entries + ((own + number) & ring.mask) * _ENTRY)
        place = descriptor.place
        octets = umem + (place & PLACE)
        prefetch(octets + shift_right64(place, PLACE_BITS))
        packet = Mbuf(octets - BUFFER)
        receive_into(packet, shift_right64(place, PLACE_BITS), descriptor.length, port)
        store64(packets + 8 * number, packet.address)
    if count > 0:
        ring.own = (own + count) & INDEX
        store_release(ring.consumer, ring.own)
        queue.received += count
    refill(queue)
    tend(queue)
    return count


@hot
def refill(queue):
    """Lends empty packets to the kernel until the fill ring is full, or the pool empty, or it has been enough."""
    ring, scratch = Ring(queue.address + _FILL), queue.address + _SCRATCH
    for _ in range(REFILLS):
        room = ring.mask + 1 - ((ring.own - ring.seen) & INDEX)
        if room < SCRATCH:
            ring.seen = load_acquire(ring.consumer) & INDEX
            room = ring.mask + 1 - ((ring.own - ring.seen) & INDEX)
        if room < SCRATCH:
            break
        if _get(scratch, SCRATCH) != 0:
            queue.starved += 1
            break
        _lend(queue, ring, scratch)
    if load32(ring.flags) & _NEED_WAKEUP:
        _recvfrom(queue.descriptor, 0, 0, _DONT_WAIT, 0, 0)


@hot
def _lend(queue, ring, scratch):
    for number in range(SCRATCH):
        packet = Mbuf(load64(scratch + 8 * number))
        packet.packet_type = queue.mark
        store64(ring.entries + ((ring.own + number) & ring.mask) * 8, packet.address + BUFFER - queue.umem)
    ring.own = (ring.own + SCRATCH) & INDEX
    store_release(ring.producer, ring.own)


@hot
def transmit(queue_address, packets, count):
    """Sends the packets of the array; frees and counts those that there is no room for. Returns how many were sent."""
    queue, ring = SocketQueue(queue_address), Ring(queue_address + _TX)
    complete(queue)
    own = ring.own
    room = ring.mask + 1 - ((own - ring.seen) & INDEX)
    if room < count:
        ring.seen = load_acquire(ring.consumer) & INDEX
        room = ring.mask + 1 - ((own - ring.seen) & INDEX)
    sent = 0
    for number in range(count):
        packet = Mbuf(load64(packets + 8 * number))
        if sent < room and packet.nb_segs == 1:
            descriptor = Descriptor(ring.entries + ((own + sent) & ring.mask) * _ENTRY)
            place = packet.address + BUFFER - queue.umem
            descriptor.place = place | shift_left64(packet.data_off, PLACE_BITS)
            descriptor.length = packet.data_len
            descriptor.options = 0
            packet.packet_type = queue.mark
            sent += 1
        else:
            _put(packets + 8 * number, 1)
    ring.own = (own + sent) & INDEX
    store_release(ring.producer, ring.own)
    queue.transmitted += sent
    queue.tx_dropped += count - sent
    _kick(queue, ring)
    return sent


@hot
def _kick(queue, ring):
    """Makes the kernel send: 32 packets a call in copy mode, where what the peer has no room for stays in the ring."""
    waiting = (ring.own - load_acquire(ring.consumer)) & INDEX
    if waiting > 0 and load32(ring.flags) & _NEED_WAKEUP:
        for _ in range(1 + waiting // KICK):
            _sendto(queue.descriptor, 0, 0, _DONT_WAIT, 0, 0)
            left = (ring.own - load_acquire(ring.consumer)) & INDEX
            if left == 0 or left == waiting:
                waiting = left
                break
            waiting = left
    queue.waiting = waiting


@hot
def tend(queue):
    """Goes on with what the kernel had no room for and frees what it has sent, once a round."""
    ring = Ring(queue.address + _TX)
    if ring.own != Ring(queue.address + _COMPLETION).own:
        complete(queue)
    if queue.waiting > 0:
        _kick(queue, ring)


@hot
def complete(queue):
    """Frees the packets that the kernel has sent."""
    ring, scratch = Ring(queue.address + _COMPLETION), queue.address + _SCRATCH
    left = (load_acquire(ring.producer) - ring.own) & INDEX
    while left > 0:
        count = min(left, SCRATCH)
        for number in range(count):
            place = load64(ring.entries + ((ring.own + number) & ring.mask) * 8)
            packet = Mbuf(queue.umem + (place & PLACE) - BUFFER)
            packet.packet_type = 0
            store64(scratch + 8 * number, packet.address)
        ring.own = (ring.own + count) & INDEX
        store_release(ring.consumer, ring.own)
        _put(scratch, count)
        left -= count
