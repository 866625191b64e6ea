"""A port's queue for hot code: one worker receives and sends on it, nobody else."""

from typing import Any

from bise.hot import Header, external, hot, le64, load64, prefetch
from bise.ports.mbuf import Mbuf

_receive = external("bise_receive", "i64", ("i64", "i64", "i64", "i64"))
_transmit = external("bise_transmit", "i64", ("i64", "i64", "i64", "i64"))


class Queue(Header):
    """A queue of a port and its counters in packets; a cache line, written by its worker only."""

    port: Any = le64(constant=True)
    queue: Any = le64(constant=True)
    received: Any = le64()
    transmitted: Any = le64()
    tx_dropped: Any = le64()
    remote: Any = le64(constant=True)  # not 0: a device writes the octets, and not the core that receives
    reserved_2: Any = le64()
    reserved_3: Any = le64()


@hot
def receive(queue_address: int, packets: int, room: int) -> int:
    """Fills the array of packet addresses at `packets` with up to `room` of them; how many."""
    queue = Queue(queue_address)
    n: int = _receive(queue.port, queue.queue, packets, room)
    queue.received += n
    if queue.remote != 0:
        _fetch(packets, n)
    return n


@hot
def _fetch(packets: int, n: int) -> None:
    """Asks for the first line of each packet."""
    for number in range(n):
        mbuf = Mbuf(load64(packets + 8 * number))
        prefetch(mbuf.buf_addr + mbuf.data_off)


@hot
def transmit(queue_address: int, packets: int, n: int) -> int:
    """Sends `n` packets; how many went out. The others are freed and counted as `tx_dropped`."""
    queue = Queue(queue_address)
    sent: int = _transmit(queue.port, queue.queue, packets, n)
    queue.transmitted += sent
    queue.tx_dropped += n - sent
    return sent
