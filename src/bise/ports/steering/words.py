"""Memory that a BPF program, the control thread and hot code share: an array map, mapped."""

import ctypes
import mmap


class SharedWords:
    """64-bit words of the map behind `descriptor`; `address` is for hot code."""

    def __init__(self, descriptor: int, count: int) -> None:
        self._mapping = mmap.mmap(descriptor, -(-8 * count // mmap.PAGESIZE) * mmap.PAGESIZE)
        self.count = count
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._mapping))

    def __getitem__(self, place: int) -> int:
        return int.from_bytes(self._mapping[8 * place : 8 * place + 8], "little")

    def __setitem__(self, place: int, value: int) -> None:
        if self._mapping.closed or not 0 <= place < self.count:
            raise IndexError(place)
        ctypes.c_uint64.from_address(self.address + 8 * place).value = value

    def close(self) -> None:
        """Unmaps: hot code must not know the address any more."""
        self._mapping.close()
