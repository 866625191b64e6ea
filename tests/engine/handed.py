"""Two ports of one queue each and several workers: packets of many flows go through while plans are exchanged.

    python -m tests.engine.handed WORKERS PACKETS PLANS

All of them come out, those of a flow in the order in which they came, and the counters add up. Prints what was counted.
"""

import ctypes
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable

from bise.engine.crew import Crew
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import build as build_graph
from bise.engine.ring import SMALL
from bise.engine.worker import ADAPTIVE
from bise.engine.writer import HAND_OVER
from bise.hot import Region
from bise.ports.mbuf import Mbuf
from tests.engine import steps
from tests.engine.rig import DRIVER, KIND, Rings, build, open_pool, register, unregister

POOL, FLOWS, UNDER_WAY = 8191, 61, 300
SIZES = (60, 300, 64, 60, SMALL, SMALL + 1)  # octets of packets, in turn
GRAPH = build_graph("steps.begin", [steps.PART])


def duties(workers: int, ports: list[Rings], words: Region) -> list[Duty]:
    """Port n has its one queue with worker n. Each port has a deadline of its own."""
    found = []
    for worker in range(workers):
        queues, lanes = [], []
        for number, rings in enumerate(ports):
            address, deadline = rings.port.address, words.address + 64 * number
            if number == worker:
                queues.append(ReceiveQueue(number, KIND, address, deadline, 0, -1, -1, spread=True))
                lanes.append(TransmitLane(number, KIND, address))
            else:
                lanes.append(TransmitLane(number, 0, 0, owner=number))
        found.append(Duty(tuple(queues), tuple(lanes)))
    return found


def octets(flow: int, number: int, egress: int = 1) -> bytes:
    """Ethernet, IPv4 and UDP, as far as flows are told by them; sent by port `egress`, as the first octets say."""
    ethernet = bytes([steps.Begin.SEND, egress]) + bytes(10) + b"\x08\x00"
    ip = b"\x45\0\0\x2e\0\0\0\0\x40\x11\0\0" + bytes([10, 0, 0, 1, 10, 0, 1, flow])
    whole = ethernet + ip + bytes([16, flow, 0, 53, 0, 26, 0, 0]) + number.to_bytes(8, "big")
    return whole.ljust(size(number), bytes([flow]))


def size(number: int) -> int:
    """Octets of the packet of this number."""
    return SIZES[number % len(SIZES)]


def lay(pool, rings: Rings, numbers: Iterable[int], egress: int = 1) -> int:
    """Packets received, each of the next flow; how many."""
    wanted = list(numbers)
    packets = pool.get(len(wanted))
    for packet, number in zip(packets, wanted, strict=True):
        mbuf, held = Mbuf(packet), octets(number % FLOWS, number, egress)
        ctypes.memmove(mbuf.buf_addr + mbuf.data_off, held, len(held))
        mbuf.data_len = mbuf.pkt_len = len(held)
    rings.put(packets)
    return len(wanted)


def fetch(pool, rings: Rings, arrived: dict[int, list[int]]) -> int:
    packets = rings.take()
    for packet in packets:
        mbuf = Mbuf(packet)
        found = ctypes.string_at(mbuf.buf_addr + mbuf.data_off, mbuf.pkt_len)
        number = int.from_bytes(found[42:50], "big")
        assert found == octets(number % FLOWS, number)
        arrived[number % FLOWS].append(number)
    pool.put(packets)
    return len(packets)


def main(workers: int, count: int, plans: int) -> dict[str, object]:
    pool, state, words = open_pool(POOL), Region(steps.State.size, huge_pages=False), Region(4096, huge_pages=False)
    ports, cores = [Rings(1024), Rings(1024)], sorted(os.sched_getaffinity(0))
    crew = Crew([cores[number % len(cores)] for number in range(workers)], ADAPTIVE, register, unregister)
    pipeline, states = build(GRAPH, (DRIVER, HAND_OVER)), {f"{steps.__name__}.State": state.address}
    crew.publish(pipeline, duties(workers, ports, words), states)
    crew.start()
    arrived: dict[int, list[int]] = defaultdict(list)
    sent = received = published = 0
    limit = time.monotonic() + 240
    while received < count and time.monotonic() < limit:
        lump = range(sent, min(count, sent + 32, received + UNDER_WAY))
        sent += lay(pool, ports[0], lump) if lump else 0
        received += fetch(pool, ports[1], arrived)
        if published < plans * received // count:
            crew.publish(pipeline, duties(workers, ports, words), states)
            published += 1
        crew.epochs.advance()
    assert crew.settle()  # a burst is counted when it has been sent
    sums, counted = crew.sums(), crew.received()
    last = lay(pool, ports[0], range(count, count + 200))
    while ports[0].inbox.head != ports[0].inbox.tail and time.monotonic() < limit:
        time.sleep(0.001)
    assert crew.stop()  # while some are between workers
    assert fetch(pool, ports[1], arrived) == last
    assert crew.failure is None
    assert all(numbers == sorted(numbers) for numbers in arrived.values())
    assert sum(map(len, arrived.values())) == count + last
    assert +sums == {"transmit": count}, sums
    assert counted[0, "packets"] == count
    assert counted[0, "octets"] == sum(map(size, range(count)))
    assert counted[0, "lost"] == counted[1, "packets"] == 0
    assert sum(member.lane(1).octets for member in crew.members) == sum(map(size, range(count + last)))
    assert sum(member.lane(1).sent for member in crew.members) == count + last
    assert pool.available() == POOL
    pool.close()
    shares = [member.packets() for member in crew.members]
    return {"handed": counted[0, "handed"], "shares": shares, "published": published}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
