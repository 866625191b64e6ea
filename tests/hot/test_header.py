"""Header classes: where fields lie and what reads and writes mean, against the struct module."""

import ctypes
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import Header, be16, be32, be48, be64, entry, le16, le32, le64, u8
from tests.hot import every_field
from tests.hot.every_field import EDGES, Kinds

ROOM = ctypes.create_string_buffer(Kinds.size + 1)
ADDRESS = ctypes.addressof(ROOM) + 1
NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from(EDGES)


class Base(Header):
    first = be16()
    second = u8()


class Longer(Base):
    third = le32()


def test_fields_lie_one_after_the_other():
    offsets = {name: (field.offset, field.octets) for name, field in Kinds.fields.items()}
    assert list(offsets.items())[:5] == [
        ("octet", (0, 1)),
        ("short", (1, 2)),
        ("word", (3, 4)),
        ("mac", (7, 6)),
        ("long", (13, 8)),
    ]
    assert Kinds.near_long.offset == 27
    assert Kinds.size == 35 + 15


def test_a_longer_header_begins_with_the_shorter():
    assert list(Longer.fields) == ["first", "second", "third"]
    assert (Longer.third.offset, Longer.size, Base.size) == (3, 7, 3)


@given(NUMBERS)
def test_stores_mask_and_keep_the_order_of_octets(value):
    assert every_field.write(ADDRESS, value) == 0
    low = [value & ((1 << bits) - 1) for bits in (8, 16, 32, 48, 64)]
    held = struct.pack(">BHI", *low[:3]) + low[3].to_bytes(6, "big") + struct.pack(">Q", low[4])
    held += struct.pack("<HIQ", low[1], low[2], low[4])
    assert ctypes.string_at(ADDRESS, 35) == held


@given(st.binary(min_size=Kinds.size, max_size=Kinds.size))
def test_reads_widen_and_only_64_bits_have_a_sign(held):
    ctypes.memmove(ADDRESS, held, len(held))
    octet, short, word = struct.unpack_from(">BHI", held)
    mac = int.from_bytes(held[7:13], "big")
    (long,) = struct.unpack_from(">q", held, 13)
    expected = [
        octet,
        short,
        word,
        mac,
        long,
        *struct.unpack_from("<HIq", held, 21),
        *struct.unpack_from("<BHIq", held, 35),
    ]
    assert [every_field.read(ADDRESS, which) for which in range(12)] == expected
    record = Kinds(ADDRESS)
    assert [getattr(record, name) for name in Kinds.fields] == expected


@given(NUMBERS, st.integers(0, 9))
def test_a_record_on_the_stack_is_as_one_in_memory(value, times):
    value >>= 8
    macs, octet = times * (value % (1 << 48)), (value << times) % 256
    long = ((value << times) + (1 << 63)) % (1 << 64) - (1 << 63)
    assert every_field.on_the_stack(value, times) == macs % (1 << 32) ^ long ^ octet


def test_an_array_has_a_record_after_the_other():
    room = ctypes.create_string_buffer(Kinds.size * 3)
    for number in range(3):
        assert every_field.in_an_array(ctypes.addressof(room), number) == number + number * Kinds.size * 1000
    held = [struct.unpack_from("<H", room, number * Kinds.size + Kinds.near_short.offset)[0] for number in range(3)]
    assert held == [0, 1, 2]


def test_enumerated_numbers_are_numbers():
    assert every_field.enumerated(0) == 310
    assert every_field.enumerated(1) == -699


def test_python_writes_what_hot_code_reads():
    record = Kinds(ADDRESS)
    record.mac = 0x1234_5678_9ABC_DEF0
    record.long = -2
    assert every_field.read(ADDRESS, 3) == 0x5678_9ABC_DEF0
    assert every_field.read(ADDRESS, 4) == record.long == -2


def test_a_header_shows_its_fields():
    ctypes.memmove(ADDRESS, b"\x12\x34\x56", 3)
    assert repr(Base(ADDRESS)) == "Base(first=0x1234, second=0x56)"


@entry(1)
def through_two_classes(address):
    """The same octets by another class, from the address of the first."""
    base = Base(address)
    return Longer(base.address).third + base.first


def test_an_instance_knows_its_address():
    ctypes.memmove(ADDRESS, bytes.fromhex("0100 ff 02000000"), 7)
    assert through_two_classes(ADDRESS) == 0x102
    assert Base(ADDRESS).address == ADDRESS


@pytest.mark.parametrize(
    ("kind", "bits"), [(u8, 8), (be16, 16), (be32, 32), (be48, 48), (be64, 64), (le16, 16), (le32, 32), (le64, 64)]
)
def test_kinds_are_as_wide_as_they_say(kind, bits):
    assert (kind().bits, kind().octets) == (bits, bits // 8)
