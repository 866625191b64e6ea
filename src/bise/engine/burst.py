"""What the generated burst function is made of, besides the nodes: taking packets up, and every way to let them go."""

from bise.engine.packet import NO_PORT
from bise.engine.punting import punt
from bise.engine.worker import BURST, LANE_OCTETS, LANE_ROOM, QUERIES, Lane, Worker
from bise.hot import external, hot, load64, nth, store64
from bise.ports.mbuf import HEADROOM, ROOM, Mbuf, receive_into
from bise.tables.question import Question

put = external("bise_pool_put", "void", ("i64", "i64"))
get = external("bise_pool_get", "i64", ("i64", "i64"))
_move = external("memcpy", "i64", ("i64", "i64", "i64"))
_PACKETS = Lane.packets.offset
_SPARE = Worker.spare.offset
_COPY = Worker.copy.offset


@hot
def take_up(packet, buffer_address, port):
    """Begins the notes of one packet."""
    buffer = Mbuf(buffer_address)
    packet.buffer = buffer_address
    packet.data = buffer.buf_addr + buffer.data_off
    packet.length = buffer.data_len
    packet.total = buffer.pkt_len
    packet.port = port
    packet.l3 = 0
    packet.l4 = 0
    packet.egress = 0
    packet.hop = 0
    packet.question = 0
    packet.copy = NO_PORT


@hot
def questions(worker, query):
    """The address of the Questions that a burst puts to one table."""
    return nth(Question, worker.questions, query * BURST).address


@hot
def nobodys(worker):
    """The address of the Question that nobody puts."""
    return questions(worker, QUERIES)


@hot
def blank(packet, first, count):
    """Gives a packet a Question to put, behind `count` others from `first` on."""
    packet.question = nth(Question, first, count).address


@hot
def note(packet, asked, number):
    """Keeps which Question is whose."""
    store64(asked + 8 * number, packet.question)


@hot
def recall(packet, asked, number):
    """Gives a packet its Question back."""
    packet.question = load64(asked + 8 * number)


@hot
def duplicate(worker, plan, packet, left):
    """Puts a copy of a packet, as it is, on the lane that it asks for. `left`: how many of the burst may need that lane
    yet, this one among them. A copy that there is no memory or room for, or that is not in one piece, is counted."""
    port, packet.copy = packet.copy, NO_PORT
    whole = packet.length == packet.total and packet.length <= ROOM
    lane = Lane(plan.lanes + port * LANE_OCTETS)
    if port >= plan.lane_count or not whole or lane.count + left >= LANE_ROOM or get(worker.address + _COPY, 1) != 0:
        worker.uncopied += 1
        return
    buffer = Mbuf(worker.copy)
    receive_into(buffer, HEADROOM, packet.length, packet.port)
    _move(buffer.buf_addr + HEADROOM, packet.data, packet.length)
    store64(lane.address + _PACKETS + 8 * lane.count, buffer.address)
    lane.count += 1
    lane.octets += packet.length
    worker.copied += 1


@hot
def gather(lanes, packet):
    """Puts a packet on the lane of its egress port. A burst never fills one: LANE_ROOM is twice BURST."""
    lane = Lane(lanes + packet.egress * LANE_OCTETS)
    count = lane.count
    store64(lane.address + _PACKETS + 8 * count, packet.buffer)
    lane.count = count + 1
    lane.octets += packet.total


@hot
def finish(worker, plan, queue, packet, sink, first_punt, first_urgent, finished):
    """Ends a packet's way at a drop or a punt: counts it, gives it to Linux or not, and marks it to be freed."""
    counter = plan.counts + 8 * sink
    store64(counter, load64(counter) + 1)
    if sink >= first_punt:
        urgent = sink >= first_urgent
        punt(worker.punting, queue.address, worker.now, urgent, packet.data, packet.length, packet.total)
    store64(worker.finished + 8 * finished, packet.buffer)
    return finished + 1


@hot
def is_due(worker, plan, number, period):
    """Whether a timer's time has come; says when it will come again."""
    due = plan.due + 8 * number
    if load64(due) > worker.now:
        return False
    store64(due, worker.now + period)
    return True


@hot
def originate(worker, packet):
    """Begins the notes of an empty packet of our own; False where the pool has none."""
    if worker.spare == 0 and get(worker.address + _SPARE, 1) != 0:
        worker.spare = 0
        return False
    buffer = Mbuf(worker.spare)
    receive_into(buffer, HEADROOM, 0, 0)
    take_up(packet, worker.spare, 0)
    return True


@hot
def give_away(worker):
    """The spare packet is on its way: the next timer needs another."""
    worker.spare = 0
    worker.originated += 1


@hot
def give_back(worker):
    """The worker ends: the spare packet is the pool's again."""
    if worker.spare != 0:
        put(worker.address + _SPARE, 1)
        worker.spare = 0


@hot
def release(worker, plan, count, finished):
    """Frees what ended here and counts the rest as transmitted; the end of a burst."""
    if finished > 0:
        put(worker.finished, finished)
    store64(plan.counts, load64(plan.counts) + count - finished)


@hot
def lane_at(lanes, number):
    """The lane of a port."""
    return Lane(lanes + number * LANE_OCTETS)


@hot
def gathered(lane):
    """The address of the packets that wait on a lane."""
    return lane.address + _PACKETS


@hot
def settle(lane, sent):
    """Accounts for what the driver took and what it had no room for, and empties the lane."""
    lane.sent += sent
    lane.dropped += lane.count - sent
    lane.count = 0


@hot
def discard(lane):
    """The port of this lane is gone: frees what waits for it. Returns the packets sent, none."""
    put(lane.address + _PACKETS, lane.count)
    return 0


@hot
def pass_on(lanes, received, count, port):
    """What Linux sends by a port of ours takes no way through the nodes."""
    lane = Lane(lanes + port * LANE_OCTETS)
    for number in range(count):
        buffer = Mbuf(load64(received + 8 * number))
        store64(lane.address + _PACKETS + 8 * lane.count, buffer.address)
        lane.count += 1
        lane.octets += buffer.pkt_len
