"""Many datagrams by one call (recvmmsg): announcements come as one each, a hundred thousand of them in a row.

Netlink messages say how long they are and begin at words, so what several receives would return is one buffer.
"""

import ctypes
import errno
import mmap
import os

import numpy as np

_ROOM = 1 << 17  # of a datagram: Linux makes no announcement of a route or a link that comes near
_STEP = _ROOM + 64  # from one datagram to the next; at a power of two all would fight for the same lines of the cache
_MOST = 512
_TRUNCATED, _DONT_WAIT = 0x20, 0x40  # linux/socket.h, MSG_*
_VECTOR = np.dtype([("base", "<u8"), ("octets", "<u8")])
"""struct iovec."""
_HEADER = np.dtype(
    [
        *((name, "<u8") for name in ("name", "name_octets", "vectors", "vector_count", "control", "control_octets")),
        *((name, "<u4") for name in ("flags", "pad", "octets", "more_pad")),
    ]
)
"""struct mmsghdr of 64-bit machines."""
_recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]


class Truncated(Exception):
    """A datagram was larger than any should be; it and others are lost."""


class Gatherer:
    """Memory for many datagrams. Only the parts of it that they fill take any."""

    def __init__(self) -> None:
        room = mmap.mmap(-1, _MOST * _STEP)
        room.madvise(mmap.MADV_NOHUGEPAGE)
        self._octets = memoryview(room)
        self._vectors = np.zeros(_MOST, _VECTOR)
        self._vectors["base"] = np.frombuffer(room, "u1").ctypes.data + _STEP * np.arange(_MOST)
        self._vectors["octets"] = _ROOM
        self._headers = np.zeros(_MOST, _HEADER)
        self._headers["vectors"] = self._vectors.ctypes.data + _VECTOR.itemsize * np.arange(_MOST)
        self._headers["vector_count"] = 1
        self._address = self._headers.ctypes.data

    def receive(self, descriptor: int) -> bytes | None:
        """All that waits, up to a number; None where nothing does. Raises OSError, Truncated."""
        count = _recvmmsg(descriptor, self._address, _MOST, _DONT_WAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            if code == errno.EAGAIN:
                return None
            raise OSError(code, os.strerror(code))
        headers = self._headers[:count]
        if (headers["flags"] & _TRUNCATED).any():
            raise Truncated
        parts = [self._part(number, octets) for number, octets in enumerate(headers["octets"].tolist())]
        return b"".join(parts)

    def _part(self, number: int, octets: int) -> memoryview:
        start = number * _STEP
        return self._octets[start : start + (octets + 3 & ~3)]
