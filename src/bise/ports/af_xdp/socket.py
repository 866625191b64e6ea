"""An AF_XDP socket on one queue of an interface: the pool's memory registered, its four rings mapped, bound."""

import contextlib
import ctypes
import errno
import itertools
import mmap
import os
import resource
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bise.hot import Region
from bise.ports.af_xdp.rings import INDEX, QUEUE_OCTETS, RINGS, SCRATCH, Ring, SocketQueue
from bise.ports.errors import PortError
from bise.ports.mbuf import BUFFER, HEADROOM, ROOM, Mbuf

_FAMILY, _LEVEL = 44, 283  # AF_XDP, SOL_XDP
_OFFSETS, _RX_RING, _TX_RING, _UMEM, _FILL_RING, _COMPLETION_RING, _STATISTICS, _OPTIONS = range(1, 9)
_SIZE_OPTIONS = {"rx": _RX_RING, "tx": _TX_RING, "fill": _FILL_RING, "completion": _COMPLETION_RING}
_PAGES = {"rx": 0, "tx": 0x80000000, "fill": 0x100000000, "completion": 0x180000000}  # if_xdp.h, XDP_PGOFF_…
_ENTRY_OCTETS = {"rx": 16, "tx": 16, "fill": 8, "completion": 8}
_UNALIGNED_CHUNKS = 1
_COPY, _USE_NEED_WAKEUP = 2, 8
_ZERO_COPY = 1
_PATIENCE_S = 2.0  # the kernel takes a queue back from a closed socket some time after the close
_DRAIN_S = 0.05
_MARKS = itertools.count(0x0B15E000)  # no packet type of DPDK's


class PacketMemory(Protocol):
    """What a socket wants to know of the packet pool."""

    region: Region

    def put(self, packets: Sequence[int]) -> None:
        """Gives packets back."""


@dataclass(frozen=True)
class Statistics:
    """What the kernel counted on a socket, in packets (struct xdp_statistics)."""

    received_dropped: int
    received_invalid: int
    transmit_invalid: int
    receive_ring_full: int
    fill_ring_empty: int
    transmit_ring_empty: int


class XdpSocket:
    """A socket on a queue of an interface. `address` is its SocketQueue, for hot code; `descriptor` can be slept on.

    `port` is the number that received packets carry, `entries` the size of each ring (a power of two). `bound` False:
    another socket has the queue still, and `bind` follows. `zero_copy` tells whether the driver writes into the pool
    itself. Raises PortError.
    """

    def __init__(
        self,
        interface: str,
        ifindex: int,
        queue: int,
        memory: PacketMemory,
        port: int,
        entries: int = 2048,
        bound: bool = True,
    ) -> None:
        self.interface, self.queue, self._ifindex, self._memory = interface, queue, ifindex, memory
        self.zero_copy = False
        self._mappings: list[mmap.mmap] = []
        self._record = Region(QUEUE_OCTETS, huge_pages=False)
        self.address = self._record.address
        self.mark = next(_MARKS)
        try:
            self._socket = socket.socket(_FAMILY, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
        except OSError as error:
            raise PortError(interface, _why_no_socket(error)) from error
        try:
            self._register()
            self._map_rings(entries)
            if bound:
                self.bind()
        except BaseException:
            self._socket.close()
            raise
        self.descriptor = self._socket.fileno()
        self._describe(port)

    def _register(self) -> None:
        region = self._memory.region
        chunk = HEADROOM + ROOM
        wanted = struct.pack("=QQIIII", region.address, region.size, chunk, 0, _UNALIGNED_CHUNKS, 0)
        try:
            self._socket.setsockopt(_LEVEL, _UMEM, wanted)
        except OSError as error:
            raise PortError(self.interface, _why_not_registered(error, region.size)) from error

    def _map_rings(self, entries: int) -> None:
        size = struct.pack("=i", entries)
        for option in _SIZE_OPTIONS.values():
            self._socket.setsockopt(_LEVEL, option, size)
        offsets = struct.unpack("=16Q", self._socket.getsockopt(_LEVEL, _OFFSETS, 128))
        for place, name in enumerate(("rx", "tx", "fill", "completion")):
            producer, consumer, start, flags = offsets[4 * place : 4 * place + 4]
            octets = start + entries * _ENTRY_OCTETS[name]
            flavour = mmap.MAP_SHARED | mmap.MAP_POPULATE
            mapping = mmap.mmap(self._socket.fileno(), octets, flavour, offset=_PAGES[name])
            self._mappings.append(mapping)
            base = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
            ring = Ring(self.address + RINGS[name])
            ring.producer, ring.consumer, ring.flags = base + producer, base + consumer, base + flags
            ring.entries, ring.mask = base + start, entries - 1

    def bind(self) -> None:
        """Zero-copy where the driver has it, else copy: the kernel chooses. A queue just closed is busy for a while.

        A driver can't reach a packet that straddles two pages far apart: without huge pages it has to be copies. Raises
        PortError.
        """
        flags = _USE_NEED_WAKEUP if self._memory.region.huge else _USE_NEED_WAKEUP | _COPY
        address = struct.pack("=HHIII", _FAMILY, flags, self._ifindex, self.queue, 0)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            number = _bind(self._socket.fileno(), address)
            if number == 0:
                break
            if number != errno.EBUSY or time.monotonic() > deadline:
                raise PortError(self.interface, _why_not_bound(number, self.queue))
            time.sleep(0.01)
        options = self._socket.getsockopt(_LEVEL, _OPTIONS, 4)
        self.zero_copy = bool(int.from_bytes(options, "little") & _ZERO_COPY)

    def _describe(self, port: int) -> None:
        record = SocketQueue(self.address)
        record.umem, record.descriptor, record.mark = self._memory.region.address, self.descriptor, self.mark
        record.port, record.queue = port, self.queue

    def statistics(self) -> Statistics:
        """What the kernel counted since the socket was made."""
        return Statistics(*struct.unpack("=6Q", self._socket.getsockopt(_LEVEL, _STATISTICS, 48)))

    def backlog(self) -> int:
        """Packets that the kernel has delivered and no worker has taken yet."""
        ring = Ring(self.address + RINGS["rx"])
        producer, consumer = (ctypes.c_uint32.from_address(index).value for index in (ring.producer, ring.consumer))
        return (producer - consumer) & INDEX

    def release(self) -> None:
        """What is to be sent is sent, and the queue is the kernel's again. No worker may use it any more."""
        if self._socket.fileno() >= 0:
            self._drain()
            self._socket.close()

    def close(self) -> None:
        """Releases the queue, and gives every packet back to the pool."""
        if not self._mappings:
            return
        self.release()
        for mapping in self._mappings:
            mapping.close()
        self._mappings.clear()
        lent = self._lent()
        for start in range(0, len(lent), SCRATCH):
            self._memory.put(lent[start : start + SCRATCH])
        self._record.close()

    def _drain(self) -> None:
        """Lets the kernel finish what it is sending: it may read the packets until it says so."""
        sent, completed = Ring(self.address + RINGS["tx"]), Ring(self.address + RINGS["completion"])
        deadline = time.monotonic() + _DRAIN_S
        while ctypes.c_uint32.from_address(completed.producer).value != sent.own and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self._socket.send(b"", socket.MSG_DONTWAIT)
            time.sleep(0.001)

    def _lent(self) -> list[int]:
        """Addresses of the packets whose buffers the kernel held; no longer marked.

        A record lies at a cache line and begins with its buffer's address: that tells it from what packets say.
        """
        region = self._memory.region
        lines = region.array(np.int64).reshape(-1, 8)
        words = region.array(np.uint32).reshape(-1, 16)
        kinds = words[:, Mbuf.packet_type.offset // 4]
        marked = np.flatnonzero(kinds == self.mark)
        places = region.address + marked * 64
        ours = lines[marked, 0] == places + BUFFER
        kinds[marked[ours]] = 0
        return [int(place) for place in places[ours]]


def _bind(descriptor: int, address: bytes) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if library.bind(descriptor, address, len(address)) else 0


def _why_no_socket(error: OSError) -> str:
    if error.errno == errno.EAFNOSUPPORT:
        return "this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS)"
    if error.errno == errno.EPERM:
        return "AF_XDP sockets need root (CAP_NET_RAW)"
    return f"no AF_XDP socket: {error.strerror}"


def _why_not_registered(error: OSError, octets: int) -> str:
    if error.errno in (errno.ENOBUFS, errno.EPERM, errno.ENOMEM):
        limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
        return (
            f"{octets >> 20} MiB of packet memory can't be locked ({error.strerror}; RLIMIT_MEMLOCK is {limit}): "
            "run as root, raise the limit (`ulimit -l unlimited`, LimitMEMLOCK=infinity), or give the pool less memory"
        )
    return f"its packet memory was refused by AF_XDP: {error.strerror}"


def _why_not_bound(number: int, queue: int) -> str:
    if number == errno.EBUSY:
        return f"another AF_XDP socket has queue {queue}"
    if number == errno.EINVAL:
        return f"there is no queue {queue}"
    return f"no AF_XDP on queue {queue}: {os.strerror(number)}"
