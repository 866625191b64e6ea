"""Memory that belongs to us: mapped at a page boundary, zeroed, on huge pages where there are any."""

import contextlib
import ctypes
import mmap
import weakref
from typing import Any

import numpy as np

HUGE_PAGE = 2 << 20
_MAP_HUGETLB = 0x40000  # asm-generic/mman.h


class Region:
    """`octets` of zeroed memory at `address`. `huge` says whether it lies on reserved huge pages.

    `huge_pages`: try reserved huge pages first; else, and where there are none, the kernel is asked for transparent
    ones. The address is aligned to 2 MiB either way. Raises MemoryError when there is no room.
    """

    def __init__(self, octets: int, huge_pages: bool = True) -> None:
        self.size = octets
        self.huge = False
        self._mapping = self._map(octets, huge_pages)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._mapping))
        self.address = -(-start // HUGE_PAGE) * HUGE_PAGE
        self._offset = self.address - start
        self._finalizer = weakref.finalize(self, _unmap, self._mapping)
        self._finalizer.atexit = False  # the kernel takes it back, after everything that may still read it

    def _map(self, octets: int, huge_pages: bool) -> mmap.mmap:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        room = -(-octets // HUGE_PAGE) * HUGE_PAGE
        try:
            if huge_pages and octets >= HUGE_PAGE:
                with contextlib.suppress(OSError):
                    mapping = mmap.mmap(-1, room, flags | _MAP_HUGETLB | mmap.MAP_POPULATE)
                    self.huge = True
                    return mapping
            mapping = mmap.mmap(-1, room + HUGE_PAGE, flags)
        except OSError as error:
            raise MemoryError(f"no room for {octets} octets: {error.strerror}") from error
        with contextlib.suppress(OSError):
            mapping.madvise(mmap.MADV_HUGEPAGE)
        return mapping

    def array(self, kind: Any, offset: int = 0, count: int = -1) -> "np.ndarray[Any, Any]":
        """A NumPy view for the writer and for tests: `count` items of `kind` from octet `offset` on (-1: all)."""
        octets = self.size - offset if count < 0 else count * np.dtype(kind).itemsize
        if offset < 0 or octets < 0 or offset + octets > self.size:
            raise ValueError(f"{octets} octets at {offset} of a region of {self.size}")
        view = memoryview(self._mapping)[self._offset + offset : self._offset + offset + octets]
        return np.frombuffer(view, dtype=kind)

    def close(self) -> None:
        """Gives the memory back; nothing may use it any more (live NumPy views keep it mapped)."""
        self._finalizer()


def _unmap(mapping: mmap.mmap) -> None:
    with contextlib.suppress(BufferError):
        mapping.close()
