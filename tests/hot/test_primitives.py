"""Primitives, in the mode that runs, against what Python's unbounded integers say modulo 2^64."""

import ctypes
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import MODE, Mode, cycles, entry, fetch_add, hot, pause, plain
from tests.hot import every_primitive as primitives
from tests.hot.every_primitive import EDGES

SIGNED = st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from(EDGES)
ROOM = ctypes.create_string_buffer(40)
ADDRESS = -(-ctypes.addressof(ROOM) // 8) * 8


def signed(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def unsigned(number: int) -> int:
    return number % (1 << 64)


@given(SIGNED, SIGNED)
def test_arithmetic_wraps_at_64_bits(a, b):
    assert primitives.add(a, b) == signed(a + b)
    assert primitives.subtract(a, b) == signed(a - b)
    assert primitives.multiply(a, b) == signed(a * b)
    assert primitives.shift_left(a, b) == signed(a << (b & 63))
    assert primitives.shift_right(a, b) == signed(unsigned(a) >> (b & 63))
    assert bool(primitives.less(a, b)) == (unsigned(a) < unsigned(b))


@given(SIGNED, SIGNED)
def test_bits_are_counted_and_found(a, b):
    digits = f"{unsigned(a):064b}"
    lowest = 64 - len(digits.rstrip("0")) if a else 64
    assert primitives.bits(a, b) == lowest << 8 | f"{unsigned(b):064b}".count("1")


def test_mixing_is_the_finaliser_of_splitmix64():
    # The first outputs of SplitMix64 seeded with 1234567 (Rosetta Code, Vigna's splitmix64.c).
    seed, outputs = 1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for number, output in enumerate(outputs, 1):
        state = signed(seed + number * 0x9E3779B97F4A7C15)
        # mix(a, b) is mix64(a + mix64(b)), and mix64(0) is 0
        assert unsigned(primitives.mix(state, 0)) == output


@given(SIGNED, SIGNED)
def test_python_operators_compile_to_what_python_does(a, b):
    assert primitives.plain(a, b) == primitives.plain.source(a, b)


@given(SIGNED, SIGNED)
def test_memory_holds_what_was_stored(a, b):
    primitives.memory(ADDRESS, a, b)
    held = bytearray(unsigned(a).to_bytes(8, "little") + bytes(9))
    held[1] = b & 0xFF
    held[3:5] = (a & 0xFFFF).to_bytes(2, "little")
    held[5:9] = (b & 0xFFFFFFFF).to_bytes(4, "little")
    held[9:17] = unsigned(a).to_bytes(8, "little")
    assert ctypes.string_at(ADDRESS, 17) == bytes(held)


@given(SIGNED, SIGNED)
def test_what_threads_share_holds_what_was_stored(a, b):
    said = primitives.shared(ADDRESS, a, b)
    assert ctypes.string_at(ADDRESS, 8) == unsigned(a + b).to_bytes(8, "little")
    assert said == signed(a + a + b + (b & 0xFFFFFFFF))


def test_a_call_by_address_reaches_the_entry():
    ctypes.c_int64.from_address(ADDRESS).value = primitives.callee.address
    assert primitives.call(ADDRESS, 14) == 14 * 3 - 1


@entry(2)
def count(address, times):
    for _ in range(times):
        fetch_add(address, 1)
    return times


@pytest.mark.skipif(MODE is Mode.INTERPRETED, reason="CPython's threads take turns between the read and the write")
def test_adding_is_atomic_between_threads():
    ctypes.c_int64.from_address(ADDRESS).value = 0
    threads = [threading.Thread(target=count, args=(ADDRESS, 200_000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ctypes.c_int64.from_address(ADDRESS).value == 800_000


@entry(1)
def elapsed(times):
    start = cycles()
    for _ in range(times):
        pause()
    return cycles() - start


def test_cycles_go_forward():
    assert elapsed(0) >= 0
    assert elapsed(1000) > 0


@hot
def nested(a):
    return a + 1


def test_a_hot_function_may_be_called_from_python():
    assert nested(1) == 2


def test_a_hot_function_has_a_plain_one_that_nothing_is_compiled_for():
    assert not hasattr(plain(nested), "overloads")
    assert (plain(nested)(1), plain(plain(nested))(1)) == (2, 2)
