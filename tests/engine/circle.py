"""Packets that go round through running workers while their plan is exchanged: none is lost, none is counted twice.

    python -m tests.engine.circle WORKERS ROUNDS PLANS

Each packet says how often it is to be sent back; then it is dropped. Prints what was counted.
"""

import ctypes
import json
import os
import sys
import time

from bise.engine.crew import Crew
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import build as build_graph
from bise.engine.node import Part, To
from bise.engine.worker import ADAPTIVE
from bise.hot import Region
from bise.ports.mbuf import Mbuf
from tests.engine import steps
from tests.engine.rig import KIND, PACKETS, Rings, build, open_pool, register, unregister

PACKETS_A_PORT, LEAST = 400, 48  # as many as make it last; some go round up to so much less often
BEGIN = build_graph("steps.begin", [steps.PART, steps.TURNING, steps.WEIGHING])
TURN = build_graph("steps.turn", [steps.TURNING, Part({steps.begin: dict.fromkeys(steps.Begin, To("x", steps.OVER))})])


def circle() -> Rings:
    """A port that receives what it sends."""
    made = Rings(512)
    made.port.outbox = made.inbox.address
    return made


def fill(pool, rings: Rings, rounds: int) -> None:
    """Packets that are to go round so often, the first a little less."""
    packets = pool.get(PACKETS_A_PORT)
    for number, packet in enumerate(packets):
        mbuf = Mbuf(packet)
        octets = bytes([steps.Begin.ON, 0]) + (rounds - number % LEAST).to_bytes(2, "little") + bytes(56)
        ctypes.memmove(mbuf.buf_addr + mbuf.data_off, octets, 60)
        mbuf.data_len = mbuf.pkt_len = 60
    rings.put(packets)


def duty(number: int, rings: Rings, descriptor: int) -> Duty:
    """A worker of one port."""
    queue = ReceiveQueue(number, KIND, rings.port.address, 0, 0, -1, descriptor)
    return Duty((queue,), (TransmitLane(number, KIND, rings.port.address),))


def main(workers: int, rounds: int, plans: int) -> dict[str, object]:
    pool, state = open_pool(), Region(steps.State.size, huge_pages=False)
    ports, descriptor = [circle() for _ in range(workers)], os.open(os.devnull, os.O_WRONLY)
    cores = sorted(os.sched_getaffinity(0))
    crew = Crew([cores[number % len(cores)] for number in range(workers)], ADAPTIVE, register, unregister)
    pipelines, duties = [build(BEGIN), build(TURN)], [duty(n, rings, descriptor) for n, rings in enumerate(ports)]
    states = {f"{steps.__name__}.State": state.address}
    for rings in ports:
        fill(pool, rings, rounds)
    crew.publish(pipelines[0], duties, states)
    crew.start()
    expected, held = workers * sum(rounds - number % LEAST for number in range(PACKETS_A_PORT)), []
    under_way = 0
    for number in range(plans):
        crew.publish(pipelines[(number + 1) % 2], duties, states)
        held.append(crew.settle(60.0))
        under_way += crew.sums()["drop steps.over"] < workers * PACKETS_A_PORT
    limit = time.monotonic() + 240
    while crew.sums()["drop steps.over"] < workers * PACKETS_A_PORT and time.monotonic() < limit:
        crew.epochs.advance()
        time.sleep(0.002)
    sums, received = crew.sums(), crew.received()
    crew.stop()
    assert crew.failure is None
    assert crew.running() == [False] * workers
    assert all(held)
    assert crew.sums() == sums
    assert [load.record.epoch > plans for load in crew.members] == [True] * workers
    assert +sums == {"transmit": expected, "drop steps.over": workers * PACKETS_A_PORT}, sums
    taken = sum(count for (_, what), count in received.items() if what == "packets")
    assert taken == sum(sums.values()) == sum(member.packets() for member in crew.members)
    assert sum(count for (_, what), count in received.items() if what == "octets") == 60 * taken
    assert sum(member.lane(n).sent for n, member in enumerate(crew.members)) == expected
    assert pool.available() == PACKETS
    pool.close()
    return {"packets": taken, "under_way": under_way}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
