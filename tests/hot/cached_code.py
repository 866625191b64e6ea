"""Compiles a few entries, or finds them in the cache, and prints what it found: 'loaded' or 'saved' with each name.

python -m tests.hot.cached_code
"""

import contextlib
import io

from bise.hot import MODE, Header, Mode, entry, hot, le64, local

if MODE is not Mode.INTERPRETED:
    import numba

    numba.config.DEBUG_CACHE = True


class Pair(Header):
    first = le64()
    second = le64()


new = local(Pair)


@hot
def deep(record):
    return record.first * record.second


@entry(2)
def product(a, b):
    record = new()
    record.first = a
    record.second = b
    return deep(record)


@entry(1)
def twice(a):
    return a + a


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for each in (product, twice):
            each.compile()
    for line in said.getvalue().splitlines():
        kind = "loaded" if "data loaded" in line else "saved" if "data saved" in line else ""
        if kind:
            print(kind, "product" if "product" in line else "twice")
    print("answers", product(6, 7), twice(21))
