"""Lays headers of every width at every place around a packet that ends, and begins, where memory does.

    python -m tests.hot.every_bound

In checked mode and in CPython what lies outside raises OutOfBounds and touches nothing; the process survives. Prints
how many places were inside and outside.
"""

import ctypes

from bise.hot import MODE, Header, Mode, OutOfBounds, be16, be32, be48, be64, entry, hot, le16, le32, le64, u8
from tests.guarded import Guarded


class Packet(Header):
    data = le64()
    length = le32()


class Octet(Header):
    value = u8()


class Short(Header):
    value = be16()


class Word(Header):
    value = be32()


class Mac(Header):
    value = be48()


class Long(Header):
    value = be64()


class Near(Header):
    first = le16()
    second = le32()
    third = le64()


@hot
def touched(header):
    header.value = header.value + 1
    return header.value


@entry(2)
def octet(packet, offset):
    return touched(Octet(Packet(packet), offset))


@entry(2)
def short(packet, offset):
    return touched(Short(Packet(packet), offset))


@entry(2)
def word(packet, offset):
    return touched(Word(Packet(packet), offset))


@entry(2)
def mac(packet, offset):
    return touched(Mac(Packet(packet), offset))


@entry(2)
def long(packet, offset):
    return touched(Long(Packet(packet), offset))


@entry(2)
def near(packet, offset):
    header = Near(Packet(packet), offset)
    header.third = header.first + header.second
    return header.third


CASES = ((octet, 1), (short, 2), (word, 4), (mac, 6), (long, 8), (near, 14))


def places(length: int, size: int) -> list[int]:
    """Offsets around both ends, and far away."""
    around = range(-size - 2, length + size + 3)
    return [*around, -(1 << 63), -(1 << 32), 1 << 32, (1 << 63) - 1, (1 << 63) - size, 4096, -4096]


def main() -> tuple[int, int]:
    """Every case at both ends of memory. AssertionError where one is wrong; the kernel kills what reads too far."""
    memory, notes = Guarded(pages=1), ctypes.create_string_buffer(Packet.size)
    packet, counts = Packet(ctypes.addressof(notes)), [0, 0]
    for length in (0, 1, 5, 14, 15, 40):
        for low in (False, True):
            packet.data, packet.length = memory.put(bytes(length), low), length
            for case, size in CASES:
                for offset in places(length, size):
                    inside = 0 <= offset <= length - size
                    counts[not inside] += 1
                    if inside:
                        case(packet.address, offset)
                    elif MODE is not Mode.COMPILED:
                        _refused(case, packet.address, offset)
    return counts[0], counts[1]


def _refused(case, address, offset):
    try:
        case(address, offset)
    except OutOfBounds:
        return
    raise AssertionError(f"{case.source.__name__} at {offset}")


if __name__ == "__main__":
    print(*main())
