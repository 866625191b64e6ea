"""Bursts as hot code has them, for tests: packets of the pool as octets, and back."""

import ctypes
from collections.abc import Iterable, Sequence

from bise.hot import load64
from bise.ports.dpdk import shim
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.port import DpdkPort
from bise.ports.dpdk.queue import receive, transmit
from bise.ports.mbuf import Mbuf

BURST = 32


def take(port: DpdkPort, queue: int = 0) -> list[int]:
    """One burst from a port: addresses of packets."""
    packets = (ctypes.c_int64 * BURST)()
    n = shim.attempt("bise_receive", port.number, queue, packets, BURST)
    return list(packets[:n])


def give(port: DpdkPort, packets: Sequence[int], queue: int = 0) -> int:
    """One burst to a port; how many it took."""
    array = (ctypes.c_int64 * len(packets))(*packets)
    return shim.attempt("bise_transmit", port.number, queue, array, len(packets))


def octets(address: int) -> bytes:
    """What a packet holds, all segments."""
    found = b""
    while address:
        segment = Mbuf(address)
        found += ctypes.string_at(segment.buf_addr + segment.data_off, segment.data_len)
        address = segment.next
    return found


def packet(pool: Pool, content: bytes) -> int:
    """A packet of one segment."""
    (address,) = pool.get(1)
    mbuf = Mbuf(address)
    ctypes.memmove(mbuf.buf_addr + mbuf.data_off, content, len(content))
    mbuf.data_len = mbuf.pkt_len = len(content)
    return address


def contents(pool: Pool, packets: Iterable[int]) -> list[bytes]:
    """What the packets hold; they go back to the pool."""
    taken = list(packets)
    found = [octets(address) for address in taken]
    pool.put(taken)
    return found


def forward(source: int, sink: int, packets: int, bursts: int) -> int:
    """Moves up to `bursts` bursts from one queue to another, both given by address; how many packets went out."""
    sent = 0
    for _ in range(bursts):
        n = receive(source, packets, BURST)
        if n:
            sent += transmit(sink, packets, n)
    return sent


def bounce(queue: int, packets: int, stop: int) -> int:
    """Sends back what comes on the queue at an address, until the word at `stop` isn't zero; how many came."""
    came = 0
    while load64(stop) == 0:
        n = receive(queue, packets, BURST)
        if n:
            transmit(queue, packets, n)
            came += n
    return came
