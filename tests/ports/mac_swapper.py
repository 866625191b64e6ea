"""The thinnest pipeline: run in a namespace, it takes ports and sends every packet back where it came from.

    python -m tests.ports.mac_swapper 5 c s

Prints a line when it forwards; ends on SIGTERM, giving the ports back and printing what each queue received. The
deadlines lie so many ms ahead as the first word says.
"""

import signal
import sys
import threading
import time

from bise.hot import Region, entry, external, hot, load16, load32, load64, load_acquire, store16, store32, store64
from bise.ports.af_xdp import rings
from bise.ports.af_xdp.rings import SocketQueue
from bise.ports.af_xdp.socket import XdpSocket
from bise.ports.dpdk import eal, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.mbuf import Mbuf
from bise.ports.steering.layout import Gate
from bise.ports.steering.program import Steering, steer
from bise.ports.steering.verdicts import Verdicts

STOP, CLOCK, ROUNDS, PORTS, PACKETS = 0, 8, 24, 64, 1024  # offsets in the state
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


@entry(3)
def run(state: int, count: int, alive_ns: int) -> int:
    while load_acquire(state + STOP) == 0:
        _clock_gettime(1, state + CLOCK)
        now = load64(state + CLOCK) * 1_000_000_000 + load64(state + CLOCK + 8)
        busy = 0
        for number in range(count):
            queue = load64(state + PORTS + 16 * number)
            store64(load64(state + PORTS + 16 * number + 8), now + alive_ns)
            received = rings.receive(queue, state + PACKETS, 32)
            for each in range(received):
                swap(load64(state + PACKETS + 8 * each))
            if received > 0:
                rings.transmit(queue, state + PACKETS, received)
            busy += received
        store64(state + ROUNDS, load64(state + ROUNDS) + 1)
        if busy == 0:
            _usleep(100)
    return 0


def taken(name: str, number: int, pool: Pool, verdicts: tuple[Verdicts, Verdicts]) -> tuple[Steering, list[XdpSocket]]:
    """A port with all its queues, its gate open."""
    steering = steer(name, verdicts)
    queues = []
    for queue in range(steering.interface.queues):
        queues.append(XdpSocket(name, steering.interface.ifindex, queue, pool, number))
        steering.give(queue, queues[queue].descriptor)
    steering.set_gate(Gate.OPEN)
    return steering, queues


def main(alive_ms: int, names: list[str]) -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    eal.start()
    pool = Pool(32767)
    state = Region(4096)
    verdicts = Verdicts(4), Verdicts(6)
    ports = [taken(name, number, pool, verdicts) for number, name in enumerate(names)]
    count = 0
    for steering, queues in ports:
        for number, queue in enumerate(queues):
            store64(state.address + PORTS + 16 * count, queue.address)
            store64(state.address + PORTS + 16 * count + 8, steering.deadlines.address + 8 * number)
            count += 1
    worker = threading.Thread(target=run, args=(state.address, count, alive_ms * 1_000_000))
    worker.start()
    while load64(state.address + ROUNDS) == 0:  # until then no packet is lent to the kernel
        time.sleep(0.001)
    print("forwarding", flush=True)
    while not ended.wait(0.05):  # a handler runs between two waits
        pass
    store64(state.address + STOP, 1)
    worker.join()
    for steering, queues in ports:
        for number, queue in enumerate(queues):
            print(steering.interface.name, number, SocketQueue(queue.address).received)
            steering.take(number)
            queue.close()
        steering.close()
    assert pool.available() == pool.packets, f"{pool.packets - pool.available()} packets lost"


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
