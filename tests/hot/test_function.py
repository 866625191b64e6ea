"""Entries, calls both ways, and C functions by symbol."""

import ctypes
import shutil
import subprocess
import threading

import pytest

from bise.hot import MODE, Mode, entry, external, hot, load_acquire, load_library, pause
from bise.hot.function import libraries

SOURCE = """
#include <stdint.h>
int16_t halve_i16(int16_t a) { return a / 2; }
uint16_t invert_u16(uint16_t a) { return ~a; }
int32_t negate_i32(int32_t a) { return -a; }
uint32_t invert_u32(uint32_t a) { return ~a; }
int64_t mix_all(int16_t a, uint16_t b, int32_t c, uint32_t d, int64_t e)
{ return a * 3 + b * 5 + (int64_t)c * 7 + (int64_t)d * 11 + e * 13; }
void put(int64_t *place, int64_t value) { *place = value; }
"""
halve = external("halve_i16", "i16", ("i16",))
invert16 = external("invert_u16", "u16", ("u16",))
negate = external("negate_i32", "i32", ("i32",))
invert32 = external("invert_u32", "u32", ("u32",))
mix_all = external("mix_all", "i64", ("i16", "u16", "i32", "u32", "i64"))
put = external("put", "void", ("i64", "i64"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The functions above, compiled by C."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("library")
    (folder / "functions.c").write_text(SOURCE)
    path = str(folder / "functions.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, str(folder / "functions.c")], check=True)
    load_library(path)
    return path


def call_small(a, which):
    if which == 0:
        return halve(a)
    if which == 1:
        return invert16(a)
    if which == 2:
        return negate(a)
    return invert32(a)


def call_all(a, b, c):
    return mix_all(a, b, a, b, c)


def call_put(place, value):
    put(place, value)
    return 0


def test_c_functions_take_and_give_every_kind(library):
    small = entry(2, cached=False)(call_small)
    assert [small(-7, 0), small(7, 0)] == [-3, 3]
    assert [small(1, 1), small(0xFFFF, 1)] == [0xFFFE, 0]
    assert [small(-5, 2), small(1 << 30, 2)] == [5, -(1 << 30)]
    assert [small(1, 3), small(0xFFFFFFFF, 3)] == [0xFFFFFFFE, 0]
    assert entry(3, cached=False)(call_all)(-2, 60000, 1 << 40) == -6 + 300000 - 14 + 660000 + 13 * (1 << 40)
    place = ctypes.c_int64()
    entry(2, cached=False)(call_put)(ctypes.addressof(place), -(1 << 62))
    assert place.value == -(1 << 62)


def test_loaded_libraries_are_known_by_path(library):
    assert library in libraries()


def test_a_library_that_is_not_there_is_an_error():
    with pytest.raises(OSError, match="nowhere"):
        load_library("/nowhere/at-all.so")


@pytest.mark.skipif(MODE is not Mode.INTERPRETED, reason="compiled code looks symbols up when it is compiled")
def test_a_symbol_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="no_such_symbol"):
        external("no_such_symbol", "i64", ())()


@hot
def inner(a, b):
    return a * 10 + b


@entry(0)
def nothing():
    return 7


@entry(4)
def outer(a, b, c, d):
    return inner(inner(a, b), inner(c, d))


def test_entries_take_any_number_of_integers():
    assert nothing() == 7
    assert outer(1, 2, 3, 4) == 154


def test_an_entry_keeps_its_source():
    assert outer.source.__name__ == "outer"
    assert nothing.source() == 7
    assert nothing.address != outer.address


@entry(2)
def wait(address, most):
    """Until another thread writes something there, or for `most` turns; what it found."""
    for _ in range(most):
        if load_acquire(address) != 0:
            break
        pause()
    return load_acquire(address)


@pytest.mark.skipif(MODE is Mode.INTERPRETED, reason="CPython holds the lock")
def test_a_running_entry_leaves_the_interpreter_to_others():
    word, found = ctypes.c_int64(), []
    worker = threading.Thread(target=lambda: found.append(wait(ctypes.addressof(word), 1 << 28)))
    worker.start()
    word.value = 7
    worker.join()
    assert found == [7]
