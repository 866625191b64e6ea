"""Runs of equal words: what CPython does at once and what the compiler's loop does are the same."""

import pytest

from bise.hot import Region, entry, replace_run32
from bise.hot.runs import at_once

COUNT = 6
OLD, NEW = 7, 0x8000_0001


@entry(4)
def replace(address, count, old, new):
    """`replace_run32` for callers outside."""
    return replace_run32(address, count, old, new)


@pytest.mark.parametrize("run", [replace, at_once], ids=["as the mode has it", "at once"])
@pytest.mark.parametrize("first_other", range(COUNT + 1))
def test_a_run_ends_at_the_first_other_word_or_at_its_count(run, first_other: int) -> None:
    region = Region(4096, huge_pages=False)
    words = region.array("<u4", 0, COUNT + 1)
    words[:] = OLD
    words[first_other] = OLD + 1
    before = words.tolist()
    assert run(region.address, COUNT, OLD, NEW) == first_other
    assert words.tolist() == [NEW] * first_other + before[first_other:]
    words = None
    region.close()
