"""Memory between two pages that nobody may touch: reading or writing one octet too far kills the process."""

import ctypes
import mmap

_PAGE = mmap.PAGESIZE
_C = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """`pages` pages of memory. What `put` places ends right before the upper guard, or begins right after the lower."""

    def __init__(self, pages: int = 18) -> None:
        self.room = pages * _PAGE
        self._mapping = mmap.mmap(-1, self.room + 2 * _PAGE)
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._mapping)) + _PAGE
        for guard in (self._start - _PAGE, self._start + self.room):
            if _C.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(_PAGE), 0) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")

    def put(self, octets: bytes, low: bool = False) -> int:
        """Places them at the upper end (`low`: at the lower) and returns the address of the first."""
        if len(octets) > self.room:
            raise ValueError(f"{len(octets)} octets in {self.room}")
        address = self._start if low else self._start + self.room - len(octets)
        ctypes.memmove(address, octets, len(octets))
        return address
