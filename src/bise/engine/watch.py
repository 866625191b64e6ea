"""The instrumented twin's own part: time stamps and notes at each node, and a ring of records of packets' ways.

A watched plan is a plan whose pipeline is the twin and whose `watch` leads here. One worker writes a Watch, save
`tail`, which the control thread moves past what it has read. Bursts that nobody wants to see, and those that the ring
has no room for, go through the pipeline's own burst function: looking never costs more than somebody reads.
"""

from bise.engine.worker import BURST
from bise.hot import (
    Header,
    call3,
    cycles,
    external,
    hot,
    le16,
    le32,
    le64,
    load64,
    load_acquire,
    store64,
    store_release,
)

CAME, LEFT = 1, 2  # what of a port's packets is recorded: those that it received, those that leave by it
ANY_PORT = -1

_memcpy = external("memcpy", "i64", ("i64", "i64", "i64"))


class Watch(Header):
    """What one worker watches and has seen."""

    bare = le64(constant=True)  # address of the pipeline's own burst function
    every = le64(constant=True)  # of so many bursts that received something, one is watched
    nodes = le64(constant=True)  # address of an array: by node, packets and cycles; written by the worker
    wanted = le64(constant=True)  # address of an array: by sink, how many records are wanted; written by the worker
    records = le64(constant=True)  # address of the ring; 0: no packet is recorded
    stride = le64(constant=True)  # octets from record to record
    mask = le64(constant=True)  # records that the ring has room for, less one
    port = le64(constant=True)  # whose packets are recorded, or ANY_PORT
    sides = le64(constant=True)  # of CAME and LEFT
    steps = le64(constant=True)  # steps that a record has room for: as many as there are nodes, or 0
    depth = le64(constant=True)  # octets of a packet kept at each step
    room = le64(constant=True)  # octets of a packet kept as it came, and as it left
    head = le64()  # records made; written by the worker, from here on
    rest = le64()  # bursts until the next one is watched
    seen = le64()  # packets looked at while there was something to record
    missed = le64()  # packets that may have been wanted, and found the ring full
    bare_packets = le64()  # packets of bursts that were not watched
    bare_cycles = le64()  # what those bursts took, from their reception to their transmission
    overhead = le64()  # cycles between two time stamps with nothing in between
    first = le64()  # what `head` was when the burst began
    tail = le64()  # records read; written by control


class Record(Header):
    """One packet's way. The steps follow, then the octets as they came, then as they left."""

    number = le64()  # since the watch began
    when = le64()  # CLOCK_MONOTONIC in ns when its burst was received
    octets = le32()  # of the record that hold something
    came_total = le32()  # octets of the packet when it was received
    left_total = le32()  # octets when it was transmitted
    port = le16()  # number of the port that received it
    egress = le16()  # number of the port that it leaves by
    sink = le16()
    steps = le16()
    came = le16()  # octets kept of what was received
    left = le16()  # octets kept of what was transmitted
    sides = le16()  # why it was recorded: of CAME and LEFT
    depth = le16()  # octets kept room for at each step
    room = le16()  # octets kept room for as it came
    reserved = le16()
    reserved_too = le64()


class Step(Header):
    """What one node made of the packet; `depth` octets of the packet follow."""

    node = le16()
    edge = le16()
    cycles = le32()  # less those that looking at the clock takes
    l3 = le16()
    l4 = le16()
    egress = le16()
    kept = le16()  # octets of the packet


_HEAD, _TAIL = Watch.head.offset, Watch.tail.offset
_RECORD, _STEP = Record.size, Step.size


@hot
def _is_recorded(watch, queue):
    """Whether packets of this queue may be wanted."""
    if watch.records == 0:
        return False
    return watch.sides & LEFT != 0 or watch.port == ANY_PORT or watch.port == queue.port


@hot
def is_watched(watch, queue):
    """Whether the next burst of this queue goes through the twin."""
    if queue.straight > 0:
        return False
    if _is_recorded(watch, queue):
        return watch.head - load_acquire(watch.address + _TAIL) <= watch.mask + 1 - BURST
    return watch.rest <= 0


@hot
def run_bare(watch, worker, plan, queue):
    """A burst that isn't watched: what the pipeline itself makes of it, and how long that takes."""
    begun = cycles()
    count = call3(watch.bare, worker.address, plan.address, queue.address)
    if count > 0 and queue.straight == 0:
        watch.bare_cycles += cycles() - begun
        watch.bare_packets += count
        watch.rest -= 1
        if _is_recorded(watch, queue):
            watch.missed += count
    return count


@hot
def begin_burst(watch, queue, count):
    """A burst was received and is watched."""
    watch.rest = watch.every
    watch.first = watch.head
    if _is_recorded(watch, queue):
        watch.seen += count
    begun = cycles()
    spent = cycles() - begun
    if watch.overhead == 0 or spent < watch.overhead:
        watch.overhead = spent


@hot
def _record(watch, number):
    """A record of the ring, counted since the watch began."""
    return Record(watch.records + (number & watch.mask) * watch.stride)


@hot
def _own_record(watch, number):
    """Where a burst's packet `number` is noted until it is at its sink: there is room, as `is_watched` saw to it."""
    return _record(watch, watch.first + number)


@hot
def _next_record(watch, number, octets):
    """The record that the reader finds next: what was noted of packet `number` is moved there, if it isn't there."""
    noted, record = _own_record(watch, number), _record(watch, watch.head)
    if noted.address != record.address:
        _memcpy(record.address, noted.address, octets)
    return record


@hot
def _is_of(watch, port):
    return watch.port == ANY_PORT or watch.port == port


@hot
def _copy(packet, octets, to):
    """So many octets of the packet, or all that are in one piece; returns how many."""
    kept = min(packet.length, octets)
    _memcpy(to, packet.data, kept)
    return kept


@hot
def begin(watch, packet, number):
    """A packet begins its way."""
    if watch.records == 0:
        return
    record = _own_record(watch, number)
    record.steps = 0
    record.came_total = packet.total
    record.left_total = 0
    record.left = 0
    record.came = 0
    if watch.sides & CAME != 0 and _is_of(watch, packet.port):
        record.came = _copy(packet, watch.room, record.address + _RECORD + watch.steps * (_STEP + watch.depth))


@hot
def step(watch, packet, number, node, edge, spent):
    """A node has decided about the burst's packet `number`, in `spent` cycles."""
    sums = watch.nodes + 16 * node
    store64(sums, load64(sums) + 1)
    store64(sums + 8, load64(sums + 8) + spent)
    if watch.records == 0 or watch.steps == 0:
        return
    record = _own_record(watch, number)
    made = Step(record.address + _RECORD + record.steps * (_STEP + watch.depth))
    made.node = node
    made.edge = edge
    made.cycles = max(0, min(spent - watch.overhead, 0xFFFF_FFFF))
    made.l3 = packet.l3
    made.l4 = packet.l4
    made.egress = packet.egress
    made.kept = _copy(packet, watch.depth, made.address + _STEP)
    record.steps += 1


@hot
def keep(watch, packet, number, sink, now):
    """A packet's way ends at a sink (0: transmitted): its record becomes the reader's, if it is one that is wanted."""
    if watch.records == 0:
        return
    came = watch.sides & CAME != 0 and _is_of(watch, packet.port)
    left = watch.sides & LEFT != 0 and sink == 0 and _is_of(watch, packet.egress)
    wanted = watch.wanted + 8 * sink
    if (not came and not left) or load64(wanted) <= 0:
        return
    store64(wanted, load64(wanted) - 1)
    octets = _RECORD + watch.steps * (_STEP + watch.depth)
    record = _next_record(watch, number, octets + _own_record(watch, number).came)
    if left:
        octets += watch.room
        record.left_total = packet.total
        record.left = _copy(packet, watch.room, record.address + octets)
        octets += record.left
    else:
        octets += record.came
    record.number = watch.head
    record.when = now
    record.octets = octets
    record.port = packet.port
    record.egress = packet.egress
    record.sink = sink
    record.sides = came * CAME + left * LEFT
    record.depth = watch.depth
    record.room = watch.room
    store_release(watch.address + _HEAD, watch.head + 1)
