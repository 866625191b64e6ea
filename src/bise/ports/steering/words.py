"""Memory that a BPF program, the control thread and hot code share: an array map, mapped."""

import ctypes
import mmap
import platform
import time

_MEMBARRIER = {"x86_64": 324, "aarch64": 283}  # asm/unistd.h
_GLOBAL = 1  # MEMBARRIER_CMD_GLOBAL, linux/membarrier.h: the kernel waits for a grace period of RCU
_LONG_ENOUGH_S = 0.05  # for a burst of packets in the kernel, where nobody says when it is over


def wait_for_programs() -> None:
    """Returns when no BPF program runs any more that has read a word as it was before this call."""
    number = _MEMBARRIER.get(platform.machine())
    if number is None or ctypes.CDLL(None).syscall(number, _GLOBAL, 0, 0) != 0:
        time.sleep(_LONG_ENOUGH_S)


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
