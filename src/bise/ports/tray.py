"""Ports without a wire, for the router offline: a packet is laid in by hand, and what is sent is taken out by hand.

The pool behind them is a list of buffers: `Trays` stands in for DPDK's, and nothing of DPDK is needed.
"""

import ctypes

from bise.hot import Header, Region, hot, le64, load64, stand_in, store64
from bise.ports.mbuf import BUFFER, HEADROOM, Mbuf

ROOM = 0xFFFF - HEADROOM  # octets of a packet that lie in one piece at most
_SPACE = (BUFFER + HEADROOM + ROOM + 63) & ~63
_BUFFERS = 64
_SENT = 64


class Tray(Header):
    """A port."""

    waiting = le64()  # address of the packet laid in, 0: none
    count = le64()  # packets sent
    sent = le64()  # the first of _SENT packet addresses


_PACKETS = Tray.sent.offset
TRAY_OCTETS = Tray.size + 8 * (_SENT - 1)


@hot
def receive(tray_address, packets, room):
    """The driver's: the one packet that waits."""
    tray = Tray(tray_address)
    if tray.waiting == 0 or room < 1:
        return 0
    store64(packets, tray.waiting)
    tray.waiting = 0
    return 1


@hot
def transmit(tray_address, packets, count):
    """The driver's: keeps what was sent."""
    tray = Tray(tray_address)
    taken = min(count, _SENT - tray.count)
    for number in range(taken):
        store64(tray_address + _PACKETS + 8 * (tray.count + number), load64(packets + 8 * number))
    tray.count += taken
    return taken


class Trays:
    """`ports` ports and the packets for them. One at a time in a process."""

    def __init__(self, ports: int) -> None:
        self._region = Region(_BUFFERS * _SPACE + ports * TRAY_OCTETS, huge_pages=False)
        self._free: list[int] = []
        self._first = self._region.address + _BUFFERS * _SPACE
        for number in range(_BUFFERS):
            self._free.append(self._region.address + number * _SPACE)
        stand_in("bise_pool_put", "void", ("i64", "i64"), self._put)
        stand_in("bise_pool_get", "i64", ("i64", "i64"), self._get)

    def address(self, port: int) -> int:
        """The record of a port, for its queue and its lane."""
        return self._first + port * TRAY_OCTETS

    def lay(self, port: int, octets: bytes, total: int) -> None:
        """A packet of `total` octets is received there; at hand are `octets`, at most ROOM of them."""
        mbuf = self._empty()
        mbuf.port, mbuf.data_len, mbuf.pkt_len = port, min(len(octets), ROOM), total
        ctypes.memmove(mbuf.buf_addr + HEADROOM, octets, mbuf.data_len)
        Tray(self.address(port)).waiting = mbuf.address

    def _empty(self) -> Mbuf:
        mbuf = Mbuf(self._free.pop())
        mbuf.buf_addr, mbuf.buf_len, mbuf.data_off = mbuf.address + BUFFER, HEADROOM + ROOM, HEADROOM
        mbuf.refcnt = mbuf.nb_segs = 1
        mbuf.port = mbuf.pkt_len = mbuf.data_len = mbuf.next = 0
        return mbuf

    def take(self, port: int) -> list[tuple[bytes, int]]:
        """What was sent there since the last time: the octets at hand and the length of each packet."""
        tray, found = Tray(self.address(port)), []
        for number in range(tray.count):
            mbuf = Mbuf(load64(tray.address + _PACKETS + 8 * number))
            found.append((ctypes.string_at(mbuf.buf_addr + mbuf.data_off, mbuf.data_len), mbuf.pkt_len))
            self._free.append(mbuf.address)
        tray.count = 0
        return found

    def available(self) -> int:
        """Buffers that no packet holds."""
        return len(self._free)

    def _put(self, packets: int, count: int) -> None:
        self._free += [load64(packets + 8 * number) for number in range(count)]

    def _get(self, packets: int, count: int) -> int:
        if count > len(self._free):
            return -1
        for number in range(count):
            store64(packets + 8 * number, self._empty().address)
        return 0

    def close(self) -> None:
        """No pipeline may run over them any more."""
        self._region.close()
