"""Long stretches of equal words: a loop to the compiler, one operation of NumPy's to CPython, which would take a second
where a short prefix covers a million entries of a table."""

import ctypes

import numpy as np

from bise.hot.function import hot
from bise.hot.mode import MODE, Mode
from bise.hot.primitives import load32, store32


@hot
def _word_by_word(address, count, old, new):
    for done in range(count):
        if load32(address + 4 * done) != old:
            return done
        store32(address + 4 * done, new)
    return count


def at_once(address: int, count: int, old: int, new: int) -> int:
    """What `replace_run32` is in CPython."""
    words = np.ctypeslib.as_array((ctypes.c_uint32 * count).from_address(address))
    other = words != old
    done = int(other.argmax()) if other.any() else count
    words[:done] = new
    return done


# replace_run32(address, count, old, new): writes `new` over the 32-bit words from `address` on for as long as they say
# `old`, at most `count` of them; returns how many.
replace_run32 = at_once if MODE is Mode.INTERPRETED else _word_by_word
