"""Typed memory, atomics and 64-bit arithmetic: here as CPython runs them, in `lowering` as they compile.

Integers are signed 64-bit everywhere; arithmetic that may leave 63 bits (hashes, halves of IPv6 addresses) goes
through these functions and wraps alike in every mode. Narrow loads zero-extend. Addresses are octets.
"""

import ctypes
import time
from typing import Any

FUNCTIONS: dict[int, Any] = {}  # what stands for the addresses of entries where nothing is compiled
_U8, _U16, _U32 = (kind.from_address for kind in (ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32))
_I64 = ctypes.c_int64.from_address
_MASK = (1 << 64) - 1
_SIGN = 1 << 63


def _signed(value: int) -> int:
    return ((value + _SIGN) & _MASK) - _SIGN


def add64(a: int, b: int) -> int:
    """a + b, modulo 2^64."""
    return _signed(a + b)


def sub64(a: int, b: int) -> int:
    """a - b, modulo 2^64."""
    return _signed(a - b)


def mul64(a: int, b: int) -> int:
    """a * b, modulo 2^64."""
    return _signed(a * b)


def shift_left64(a: int, bits: int) -> int:
    """a << bits, modulo 2^64; 0 <= bits < 64."""
    return _signed(a << bits)


def shift_right64(a: int, bits: int) -> int:
    """The logical shift: zeros come in from the left; 0 <= bits < 64."""
    return _signed((a & _MASK) >> bits)


def unsigned_less(a: int, b: int) -> bool:
    """a < b with both read as unsigned."""
    return (a & _MASK) < (b & _MASK)


def lowest_bit(a: int) -> int:
    """The position of the lowest set bit; 64 if there is none."""
    return 64 if a == 0 else (a & -a).bit_length() - 1 if a & -a > 0 else 63


def popcount64(a: int) -> int:
    """How many bits are set."""
    return (a & _MASK).bit_count()


def mix64(a: int) -> int:
    """A bijection that spreads every bit over all others (the finaliser of SplitMix64)."""
    a &= _MASK
    a = ((a ^ (a >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    a = ((a ^ (a >> 27)) * 0x94D049BB133111EB) & _MASK
    return _signed(a ^ (a >> 31))


def load8(address: int) -> int:
    """The octet at `address`."""
    return _U8(address).value


def load16(address: int) -> int:
    """16 bits in the machine's order."""
    return _U16(address).value


def load32(address: int) -> int:
    """32 bits in the machine's order."""
    return _U32(address).value


def load64(address: int) -> int:
    """64 bits in the machine's order, signed."""
    return _I64(address).value


def store8(address: int, value: int) -> None:
    """Writes the low 8 bits."""
    _U8(address).value = value & 0xFF


def store16(address: int, value: int) -> None:
    """Writes the low 16 bits."""
    _U16(address).value = value & 0xFFFF


def store32(address: int, value: int) -> None:
    """Writes the low 32 bits."""
    _U32(address).value = value & 0xFFFFFFFF


def store64(address: int, value: int) -> None:
    """Writes all 64 bits."""
    _I64(address).value = _signed(value)


def copy_line(to: int, source: int) -> None:
    """Copies 64 octets, a cache line's worth; the two places don't overlap."""
    ctypes.memmove(to, source, 64)


def load_acquire(address: int) -> int:
    """64 bits, aligned; what the writer stored before its `store_release` is visible after it."""
    return load64(address)


def store_release(address: int, value: int) -> None:
    """64 bits, aligned; publishes everything stored before it."""
    store64(address, value)


def store_release32(address: int, value: int) -> None:
    """32 bits, aligned; publishes everything stored before it."""
    store32(address, value)


def fence() -> None:
    """What was stored before it is known to all before anything is loaded after it."""


def prefetch(address: int) -> None:
    """Asks for the cache line of `address`; any address is allowed."""


def prefetch_write(address: int) -> None:
    """Asks for the cache line of `address` for this core alone: it will be written."""


def expect(value: int, common: int) -> int:
    """`value`, which most often is the constant `common`: what follows from that is laid out for speed."""
    return value


def rarely() -> None:
    """Marks a way that is seldom taken: what it alone needs is made there, out of the others' way."""


def pause() -> None:
    """Tells the core that this loop waits."""


def cycles() -> int:
    """The processor's time-stamp counter (in CPython: nanoseconds)."""
    return time.perf_counter_ns()


def call3(function: int, a: int, b: int, c: int) -> int:
    """Calls the entry of three arguments whose `address` is `function`."""
    return FUNCTIONS[function](a, b, c)  # type: ignore[no-any-return]
