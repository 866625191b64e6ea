"""Packets handed from worker to worker: what a queue receives is spread over all of them, and what leaves by a port is
sent by the worker that has the port's queue. Only in pipelines of configurations that need it.

A packet that was received is handed over before its way begins, and one that leaves when its way has ended: nothing
has to be noted on it. There is a ring for each port and pair of workers, so that the taker's queue says of its packets
what any receive queue says. A flow has one worker, and its packets one ring: they stay in order. What a ring has no
room for is dropped and counted, so that a worker with too much to do holds up no other's flows.

What lies in another core's cache takes longer to fetch than all that is done with it. So both sides ask for it in time,
and not for all at once, as a core can wait for few lines only: the receiver for a packet's slot when it has chosen the
worker, the taker for what waits in the ring while it is busy with what came before. Large packets stay where they are,
and come back as memory that the taker's core had last: before it fills such packets again, the receiver asks for them.
"""

from bise.engine.burst import put, take_up
from bise.engine.packet import Packet
from bise.engine.ring import SMALL, look_into, make_room, take, wake
from bise.engine.ring import put as put_in
from bise.engine.worker import LANE_OCTETS, POLL, Lane
from bise.hot import Header, external, fence, hot, le64, load8, load64, local, store64
from bise.ports.mbuf import Mbuf
from bise.wire.flow import flow_number

__all__ = [
    "SHARES",
    "SPREAD",
    "SPREAD_OCTETS",
    "Spread",
    "hand_on",
    "hand_over",
    "kept",
    "look_into",
    "relay",
    "take",
    "wake_takers",
]

SPREAD = 0x100  # a queue of this kind and a driver's has a Spread between the two
SHARES = 256
_PACKETS = Lane.packets.offset
_prefetch_free = external("bise_pool_prefetch", "void", ("i64",))
_make_packet = local(Packet)


class Spread(Header):
    """How one queue's packets are spread. Written by the worker that receives them, save what is constant."""

    driver = le64(constant=True)  # the queue's own driver's record
    shares = le64(constant=True)  # address of SHARES octets: a worker's number for every remainder of a flow's number
    lanes = le64(constant=True)  # address of a Lane for each worker, led to a ring; the receiver's own to one unused
    workers = le64(constant=True)
    own = le64(constant=True)  # number of the receiver
    handed = le64()  # packets given to other workers
    lost = le64()  # packets that there was no room for
    lost_octets = le64()


SPREAD_OCTETS = Spread.size


@hot
def hand_over(spread, received, count, port):
    """Sorts a burst by flow and gives the other workers theirs; returns how many packets stay, which `kept` lists. If
    they are not all, `wake_takers` has to follow."""
    packet, large = _make_packet(), 0
    for number in range(count):
        take_up(packet, load64(received + 8 * number), port)
        worker = load8(spread.shares + (flow_number(packet) & (SHARES - 1)))
        lane = Lane(spread.lanes + worker * LANE_OCTETS)
        make_room(lane.driver, lane.count)
        _lay(lane, packet.buffer)
        large += (packet.total > SMALL) & (worker != spread.own)
    if large > 0:
        _prefetch_free(large)
    for worker in range(spread.workers):
        lane = Lane(spread.lanes + worker * LANE_OCTETS)
        if worker != spread.own and lane.count > 0:
            _give(spread, lane)
    own = Lane(spread.lanes + spread.own * LANE_OCTETS)
    stays, own.count = own.count, 0
    return stays


@hot
def _lay(lane, buffer):
    count = lane.count
    store64(lane.address + _PACKETS + 8 * count, buffer)
    lane.count = count + 1


@hot
def _give(spread, lane):
    given = put_in(lane.driver, lane.address + _PACKETS, lane.count)
    wake(lane.driver)  # most often that is all: it slept already
    spread.handed += given
    for number in range(given, lane.count):
        spread.lost += 1
        spread.lost_octets += Mbuf(load64(lane.address + _PACKETS + 8 * number)).pkt_len
        put(lane.address + _PACKETS + 8 * number, 1)


@hot
def wake_takers(worker, spread):
    """Wakes who has gone to sleep while it was being handed something. Workers of a crew all have one mode: where they
    poll, none sleeps."""
    sleeps = worker.mode != POLL
    if sleeps:
        fence()
    for number in range(spread.workers):
        lane = Lane(spread.lanes + number * LANE_OCTETS)
        if sleeps and lane.count > 0:
            wake(lane.driver)
        lane.count = 0


@hot
def kept(spread):
    """Address of the packets that stay with the receiver."""
    return spread.lanes + spread.own * LANE_OCTETS + _PACKETS


@hot
def hand_on(worker, lane, ring):
    """Gives what leaves by a port to the worker that sends there, and empties the lane, whose `ring` may be another by
    now. That worker counts what it sends, this one what the ring has no room for; so it returns 0 packets sent."""
    count, lane.count = lane.count, 0
    given = put_in(ring, lane.address + _PACKETS, count)
    if worker.mode != POLL:
        fence()
        wake(ring)
    if given < count:
        put(lane.address + _PACKETS + 8 * given, count - given)
        lane.dropped += count - given
    return 0


@hot
def relay(lanes, ring, received, count, port):
    """Lays what came by a ring to leave by a port on this worker's own lane. The giver has counted the octets."""
    lane = Lane(lanes + port * LANE_OCTETS)
    for number in range(count):
        look_into(ring, number)
        _lay(lane, load64(received + 8 * number))
