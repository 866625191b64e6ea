"""Primitives, in the mode that runs, against what Python's unbounded integers say modulo 2^64."""

import ctypes
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import (
    MODE,
    Mode,
    Region,
    cycles,
    entry,
    fence,
    hot,
    load64,
    load_acquire,
    pause,
    plain,
    store64,
    store_release,
)
from tests.hot import every_primitive as primitives
from tests.hot.every_primitive import EDGES

ROUNDS = 20_000
SIGNED = st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from(EDGES)
ROOM = ctypes.create_string_buffer(192)
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
    assert ctypes.string_at(ADDRESS, 17) == ctypes.string_at(ADDRESS + 64, 17) == bytes(held)


@given(SIGNED, SIGNED)
def test_what_threads_share_holds_what_was_stored(a, b):
    said = primitives.shared(ADDRESS, a, b)
    assert ctypes.string_at(ADDRESS, 8) == unsigned(a).to_bytes(8, "little")
    assert said == signed(a + (b & 0xFFFFFFFF))


def test_a_call_by_address_reaches_the_entry():
    ctypes.c_int64.from_address(ADDRESS).value = primitives.callee.address
    assert primitives.call(ADDRESS, 14) == 14 * 3 - 1


@entry(2)
def store_and_look(own, other):
    """ROUNDS times together with another thread: stores a word, then looks at the other's and notes what it was."""
    for number in range(1, ROUNDS + 1):
        store_release(own, number)  # both begin at once
        while load_acquire(other) < number:
            pause()
        store64(own + 64 * number, 1)
        fence()
        store64(own + 64 * number + 8, load64(other + 64 * number))
    return ROUNDS


@pytest.mark.skipif(MODE is Mode.INTERPRETED, reason="CPython's threads take turns")
def test_of_two_that_store_and_then_look_one_sees_the_other():
    octets = 64 * (ROUNDS + 1)
    region = Region(2 * octets, huge_pages=False)
    places = region.address, region.address + octets
    threads = [threading.Thread(target=store_and_look, args=pair) for pair in (places, places[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    saw = [[load64(place + 64 * number + 8) for number in range(1, ROUNDS + 1)] for place in places]
    assert all(first or second for first, second in zip(*saw, strict=True))
    region.close()


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
