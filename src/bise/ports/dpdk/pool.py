"""The packets of every port of a process, in one stretch of memory of ours.

DPDK keeps the account; AF_XDP sockets use the same memory. A packet is DPDK's 128 octets, 64 octets of notes, then the
buffer: 256 octets of headroom and 2048 of packet.
"""

import ctypes
from collections.abc import Sequence

from bise.hot import Region
from bise.ports.dpdk import eal, shim
from bise.ports.errors import PortError

HUGE_PAGE, PAGE = 2 << 20, 4096


class Pool:
    """`packets` packets in `region`. The first is at `first`, the next `stride` octets on, and so forth.

    There is one pool a process at a time. Start DPDK first. A registered thread keeps up to 384 packets for itself, so
    that a pool has to be larger than that for each of them. Raises PortError and MemoryError.
    """

    def __init__(self, packets: int = 32767, huge_pages: bool = True) -> None:
        if eal.started() is None:
            raise PortError("packet pool", "DPDK has to be started first")
        self.packets = packets
        self.stride = shim.call("packet pool", "bise_pool_stride")
        # Where packets may not straddle huge pages, each page loses less than one packet.
        octets = self.stride * (packets + 1)
        octets += octets // HUGE_PAGE * self.stride
        self.region = Region(-(-octets // HUGE_PAGE) * HUGE_PAGE, huge_pages)
        page = HUGE_PAGE if self.region.huge else PAGE
        try:
            shim.call("packet pool", "bise_pool_create", self.region.address, self.region.size, page, packets)
        except shim.DpdkRefused:
            self.region.close()
            raise
        self.first = shim.call("packet pool", "bise_pool_first")

    def available(self) -> int:
        """Packets that nobody holds, the threads' caches included."""
        return shim.attempt("bise_pool_available")

    def get(self, n: int) -> list[int]:
        """Takes `n` empty packets; their addresses. Raises MemoryError when fewer are left."""
        packets = (ctypes.c_int64 * n)()
        if shim.attempt("bise_pool_get", packets, n):
            raise MemoryError(f"fewer than {n} packets left")
        return list(packets)

    def put(self, packets: Sequence[int]) -> None:
        """Gives packets back, with all their segments."""
        shim.attempt("bise_pool_put", (ctypes.c_int64 * len(packets))(*packets), len(packets))

    def close(self) -> None:
        """Ends the pool; no port may be open any more."""
        shim.attempt("bise_pool_free")
        self.region.close()
