"""Writes and reads every kind of field at every place in a word, and prints a digest of each kind's answers.

python -m tests.hot.every_field
"""

import ctypes
import hashlib
from collections.abc import Iterator
from enum import IntEnum

from bise.hot import Header, be16, be32, be48, be64, entry, hot, le16, le32, le64, local, nth, u8
from tests.hot.every_primitive import EDGES


class Kinds(Header):
    """One field of each kind, at odd offsets."""

    octet = u8()
    short = be16()
    word = be32()
    mac = be48()
    long = be64()
    near_short = le16()
    near_word = le32()
    near_long = le64()
    fixed_octet = u8(constant=True)
    fixed_short = le16(constant=True)
    fixed_word = le32(constant=True)
    fixed_long = le64(constant=True)


NAMES = tuple(Kinds.fields)
new = local(Kinds)


@entry(2)
def write(address, value):
    record = Kinds(address)
    record.octet = value
    record.short = value
    record.word = value
    record.mac = value
    record.long = value
    record.near_short = value
    record.near_word = value
    record.near_long = value
    return record.address - address


@entry(2)
def read(address, which):
    record = Kinds(address)
    if which < 4:
        return (record.octet, record.short, record.word, record.mac)[which]
    if which < 8:
        return (record.long, record.near_short, record.near_word, record.near_long)[which - 4]
    return (record.fixed_octet, record.fixed_short, record.fixed_word, record.fixed_long)[which - 8]


@hot
def double(record):
    record.near_long = record.near_long + record.near_long
    record.octet = record.octet + record.octet
    return record.mac


@entry(2)
def on_the_stack(value, times):
    """A record that lives in this call alone, handed to another function."""
    record = new()
    record.near_long = value
    record.octet = value
    record.mac = value
    total = 0
    for _ in range(times):
        total += double(record)
    return (total & 0xFFFFFFFF) ^ record.near_long ^ record.octet


class Colour(IntEnum):
    RED = 3
    BLUE = -7


@hot
def mixed(which):
    return Colour.RED if which == 0 else Colour.BLUE


@entry(1)
def enumerated(which):
    """Members compare as numbers, and `int` makes numbers of them."""
    colour = mixed(which)
    return int(colour) * 100 + (colour == Colour.RED) * 10 + (colour < 0)


@entry(2)
def in_an_array(address, number):
    """The record at that place of an array; what it holds, and where it is."""
    record = nth(Kinds, address, number)
    record.near_short = number
    return record.near_short + (record.address - address) * 1000


def answers() -> Iterator[tuple[str, str]]:
    """What was read of each field, and what memory held."""
    room = ctypes.create_string_buffer(Kinds.size + 16)
    said = {name: hashlib.sha256() for name in NAMES}
    held = hashlib.sha256()
    for place in range(8):
        address = ctypes.addressof(room) + place
        for value in EDGES:
            write(address, value)
            held.update(room.raw)
            ctypes.memmove(address + Kinds.fixed_octet.offset, ctypes.string_at(address + 9, 15), 15)
            for which, name in enumerate(NAMES):
                said[name].update(b"%d " % read(address, which))
    yield from ((name, state.hexdigest()) for name, state in said.items())
    yield "memory", held.hexdigest()
    yield "enumerated", str([enumerated(which) for which in (0, 1)])
    room = ctypes.create_string_buffer(Kinds.size * 5)
    yield "array", str([in_an_array(ctypes.addressof(room), number) for number in range(5)]) + room.raw.hex()
    yield "local", str([on_the_stack(value >> 8, times) for value in EDGES for times in (0, 1, 5)])


if __name__ == "__main__":
    for name, digest in answers():
        print(name, digest)
