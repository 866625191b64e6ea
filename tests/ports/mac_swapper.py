"""The thinnest pipeline: run in a namespace, it takes ports and sends every packet back where it came from.

    python -m tests.ports.mac_swapper c s

Prints a line when it forwards; ends on SIGTERM, giving the ports back. The queue's deadline lies 5 ms ahead.
"""

import signal
import sys
import threading
from typing import Any

from bise.hot import Region, entry, external, hot, load16, load32, load64, load_acquire, store16, store32, store64
from bise.ports.af_xdp import rings
from bise.ports.af_xdp.socket import XdpSocket
from bise.ports.dpdk import eal, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.mbuf import Mbuf
from bise.ports.steering.layout import Flag, Gate
from bise.ports.steering.program import Steering, steer
from bise.ports.steering.verdicts import Verdicts

ALIVE_NS = 5_000_000
STOP, CLOCK, PORTS, PACKETS = 0, 8, 64, 1024  # offsets in the state
_clock_gettime = external("clock_gettime", "i32", ("i32", "i64"))
_usleep = external("usleep", "i32", ("u32",))

shim.library()


@hot
def swap(packet: int) -> None:
    start = Mbuf(packet).buf_addr + Mbuf(packet).data_off
    high, low = load32(start), load16(start + 4)
    store32(start, load32(start + 6))
    store16(start + 4, load16(start + 10))
    store32(start + 6, high)
    store16(start + 10, low)


@entry(2)
def run(state: int, count: int) -> int:
    while load_acquire(state + STOP) == 0:
        _clock_gettime(1, state + CLOCK)
        now = load64(state + CLOCK) * 1_000_000_000 + load64(state + CLOCK + 8)
        busy = 0
        for number in range(count):
            queue = load64(state + PORTS + 16 * number)
            store64(load64(state + PORTS + 16 * number + 8), now + ALIVE_NS)
            received = rings.receive(queue, state + PACKETS, 32)
            for each in range(received):
                swap(load64(state + PACKETS + 8 * each))
            if received > 0:
                rings.transmit(queue, state + PACKETS, received)
            busy += received
        if busy == 0:
            _usleep(100)
    return 0


def taken(names: list[str], pool: Pool, verdicts: tuple[Verdicts, Verdicts]) -> list[tuple[Steering, XdpSocket]]:
    """The ports, each with one queue, their gates open."""
    ports = []
    for number, name in enumerate(names):
        steering = steer(name, verdicts)
        queue = XdpSocket(name, steering.interface.ifindex, 0, pool, number)
        steering.give(0, queue.descriptor)
        steering.set_flags(Flag.NONE)
        steering.set_gate(Gate.OPEN)
        ports.append((steering, queue))
    return ports


def main(names: list[str]) -> None:
    eal.start()
    pool = Pool(16383)
    state = Region(4096)
    verdicts = Verdicts(4), Verdicts(6)
    ports = taken(names, pool, verdicts)
    for number, (steering, queue) in enumerate(ports):
        store64(state.address + PORTS + 16 * number, queue.address)
        store64(state.address + PORTS + 16 * number + 8, steering.deadlines.address)
    worker = threading.Thread(target=run, args=(state.address, len(ports)))
    worker.start()
    print("forwarding", flush=True)
    stop_at: set[Any] = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_at)
    signal.sigwait(stop_at)
    store64(state.address + STOP, 1)
    worker.join()
    for steering, queue in ports:
        steering.take(0)
        queue.close()
        steering.close()
    assert pool.available() == pool.packets, f"{pool.packets - pool.available()} packets lost"


if __name__ == "__main__":
    main(sys.argv[1:])
