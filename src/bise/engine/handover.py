"""Packets handed from worker to worker: what a queue receives is spread over all of them, and what leaves by a port is
sent by the worker that has the port's queue. Only in pipelines of configurations that need it.

A packet that was received is handed over before its way begins, and one that leaves when its way has ended: nothing
has to be noted on it. There is a ring for each port and pair of workers, so that the taker's queue says of its packets
what any receive queue says. A flow has one worker, and its packets one ring: they stay in order. What a ring has no
room for is dropped and counted, so that a worker with too much to do holds up no other's flows.

A packet's memory lies in the cache of the core that wrote it last, and fetching it from there costs more than all that
is done with it. So both sides ask for it in time: the taker for what waits in the ring, the receiver for the packets
that takers have freed and that it fills next.
"""

from bise.engine.burst import put, take_up
from bise.engine.packet import Packet
from bise.engine.ring import look_into, take
from bise.engine.ring import put as put_in
from bise.engine.worker import LANE_OCTETS, Lane
from bise.hot import Header, external, hot, le64, load8, load64, local, prefetch, prefetch_write, store64
from bise.ports.mbuf import Mbuf
from bise.wire.flow import flow_number

__all__ = ["SHARES", "SPREAD", "SPREAD_OCTETS", "Spread", "hand_on", "hand_over", "kept", "receive", "relay"]

SPREAD = 0x100  # a queue of this kind and a driver's has a Spread between the two
SHARES = 256
_PACKETS = Lane.packets.offset
_NEXT = Mbuf.next.offset
_prefetch_free = external("bise_pool_prefetch", "void", ("i64",))
_make_packet = local(Packet)


class Spread(Header):
    """How one queue's packets are spread. Written by the worker that receives them, save what is constant."""

    driver = le64(constant=True)  # the queue's own driver's record
    shares = le64(constant=True)  # address of SHARES octets: a worker's number for every remainder of a flow's number
    lanes = le64(constant=True)  # address of a Lane for each worker, led to a ring; the receiver's own leads nowhere
    workers = le64(constant=True)
    own = le64(constant=True)  # number of the receiver
    handed = le64()  # packets given to other workers
    lost = le64()  # packets that there was no room for
    lost_octets = le64()


SPREAD_OCTETS = Spread.size


@hot
def hand_over(spread, received, count, port):
    """Sorts a burst by flow and gives the other workers theirs; returns how many packets stay, which `kept` lists."""
    packet = _make_packet()
    _prefetch_free(count)
    for number in range(count):
        take_up(packet, load64(received + 8 * number), port)
        worker = load8(spread.shares + (flow_number(packet) & (SHARES - 1)))
        _lay(Lane(spread.lanes + worker * LANE_OCTETS), packet.buffer)
    stays = 0
    for worker in range(spread.workers):
        lane = Lane(spread.lanes + worker * LANE_OCTETS)
        if worker == spread.own:
            stays = lane.count
        elif lane.count > 0:
            _give(spread, lane)
        lane.count = 0
    return stays


@hot
def _lay(lane, buffer):
    count = lane.count
    store64(lane.address + _PACKETS + 8 * count, buffer)
    lane.count = count + 1


@hot
def _give(spread, lane):
    given = put_in(lane.driver, lane.address + _PACKETS, lane.count)
    spread.handed += given
    for number in range(given, lane.count):
        spread.lost += 1
        spread.lost_octets += Mbuf(load64(lane.address + _PACKETS + 8 * number)).pkt_len
        put(lane.address + _PACKETS + 8 * number, 1)


@hot
def kept(spread):
    """Address of the packets that stay with the receiver."""
    return spread.lanes + spread.own * LANE_OCTETS + _PACKETS


@hot
def receive(ring, packets, room):
    """Fills the array at `packets` with up to `room` packets that another worker has handed over; how many."""
    count = take(ring, packets, room)
    for number in range(count):
        buffer = Mbuf(load64(packets + 8 * number))
        prefetch(buffer.address + _NEXT)  # on a cache line of its own; read when it is freed
        prefetch_write(buffer.buf_addr + buffer.data_off)
    look_into(ring, room)
    return count


@hot
def hand_on(lane):
    """Gives what leaves by a port to the worker that sends there, and empties the lane. That worker counts what it
    sends, this one what the ring has no room for; so it returns 0 packets sent."""
    count, lane.count = lane.count, 0
    given = put_in(lane.driver, lane.address + _PACKETS, count)
    if given < count:
        put(lane.address + _PACKETS + 8 * given, count - given)
        lane.dropped += count - given
    return 0


@hot
def relay(lanes, received, count, port):
    """Lays what other workers send by a port on this worker's own lane. They have counted the octets."""
    lane = Lane(lanes + port * LANE_OCTETS)
    for number in range(count):
        _lay(lane, load64(received + 8 * number))
