"""Calls every primitive with 64-bit edges and with numbers made by chance, and prints a digest of each one's answers.

python -m tests.hot.every_primitive COUNT
"""

import ctypes
import hashlib
import sys
from collections.abc import Callable, Iterator
from random import Random

from bise.hot import (
    add64,
    call3,
    copy_line,
    entry,
    expect,
    fence,
    load8,
    load16,
    load32,
    load64,
    load_acquire,
    lowest_bit,
    mix64,
    mul64,
    pause,
    popcount64,
    prefetch,
    prefetch_write,
    rarely,
    shift_left64,
    shift_right64,
    store8,
    store16,
    store32,
    store64,
    store_release,
    store_release32,
    sub64,
    unsigned_less,
)

EDGES = sorted(
    {
        sign * (1 << bit) + more
        for bit in (0, 7, 8, 15, 16, 31, 32, 47, 48, 62)
        for sign in (1, -1)
        for more in (-1, 0, 1)
    }
)
EDGES += [-(1 << 63), -(1 << 63) + 1, (1 << 63) - 1, 0x5555555555555555, -0x5555555555555556]


@entry(2)
def add(a, b):
    return add64(a, b)


@entry(2)
def subtract(a, b):
    return sub64(a, b)


@entry(2)
def multiply(a, b):
    return mul64(a, b)


@entry(2)
def shift_left(a, b):
    return shift_left64(a, b & 63)


@entry(2)
def shift_right(a, b):
    return shift_right64(a, b & 63)


@entry(2)
def less(a, b):
    return unsigned_less(a, b)


@entry(2)
def bits(a, b):
    return lowest_bit(a) << 8 | popcount64(b)


@entry(2)
def mix(a, b):
    return mix64(add64(a, mix64(b)))


@entry(2)
def plain(a, b):
    """Python's own operators, where they stay within 64 bits."""
    less_ = (a < b) + 2 * (a == b)
    return (a ^ b) & ~(a | b) ^ (a >> (b & 63)) ^ less_ ^ (a % 65535) ^ ((a >> 1) // 3)


@entry(3)
def memory(address, a, b):
    """Stores of every width at odd places, read back in every width."""
    store64(address, a)
    store8(address + 1, b)
    store16(address + 3, a)
    store32(address + 5, b)
    store64(address + 9, a)
    copy_line(address + 64, address)
    result = load8(address) + load16(address + 1) + load32(address + 2)
    return add64(result, add64(load64(address + 3), load64(address + 72)))


@entry(3)
def shared(address, a, b):
    """What threads share; `address` is a multiple of 8."""
    store_release(address, a)
    fence()
    store_release32(address + 8, b)
    prefetch(a)
    prefetch_write(b)
    pause()
    return add64(load_acquire(address), load32(address + 8))


@entry(2)
def expected(a, b):
    """Whatever is expected, and however rare it is, the value is what it is."""
    if expect(a, 5) == 5:
        rarely()
        return b
    return expect(a, -1)


@entry(3)
def callee(a, b, c):
    return add64(mul64(a, b), c)


@entry(2)
def call(a, b):
    return call3(load64(a), b, 3, -1)


PAIRS: tuple[Callable[[int, int], int], ...] = (
    add,
    subtract,
    expected,
    multiply,
    shift_left,
    shift_right,
    less,
    bits,
    mix,
    plain,
)


def numbers(count: int) -> Iterator[tuple[int, int]]:
    """Every pair of edges, then pairs by chance."""
    yield from ((a, b) for a in EDGES for b in EDGES)
    chance = Random(64)
    for _ in range(count):
        yield chance.getrandbits(64) - (1 << 63), chance.getrandbits(chance.randrange(1, 64))


def answers(count: int) -> Iterator[tuple[str, str]]:
    """Each primitive's name, and the digest of what it said."""
    for primitive in PAIRS:
        state = hashlib.sha256()
        for a, b in numbers(count):
            state.update(b"%d " % primitive(a, b))
        yield primitive.source.__name__, state.hexdigest()
    room = ctypes.create_string_buffer(192)
    address = -(-ctypes.addressof(room) // 8) * 8
    for primitive in (memory, shared):
        state = hashlib.sha256()
        for a, b in numbers(count):
            state.update(b"%d " % primitive(address, a, b) + ctypes.string_at(address, 17))
        yield primitive.source.__name__, state.hexdigest()
    ctypes.c_int64.from_address(address).value = callee.address
    yield "call", str([call(address, b) for b in EDGES])


if __name__ == "__main__":
    for name, said in answers(int(sys.argv[1])):
        print(name, said)
