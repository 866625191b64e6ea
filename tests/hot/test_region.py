"""Regions: zeroed, aligned, as large as asked, and gone when closed."""

import gc
import re
from pathlib import Path

import numpy as np
import pytest

from bise.hot import Region, load64, store64
from bise.hot.region import HUGE_PAGE


def mapped(address: int) -> bool:
    """Whether a mapping of this process holds the address."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(end, 16) for end in re.match(r"(\w+)-(\w+)", line).groups())
        if low <= address < high:
            return True
    return False


@pytest.mark.parametrize("octets", [1, 4096, HUGE_PAGE - 1, HUGE_PAGE, 3 * HUGE_PAGE + 17])
@pytest.mark.parametrize("huge_pages", [True, False])
def test_a_region_is_zeroed_aligned_and_large_enough(octets, huge_pages):
    region = Region(octets, huge_pages)
    assert region.size == octets
    assert region.address % HUGE_PAGE == 0
    view = region.array(np.uint8)
    assert view.size == octets
    assert not view.any()
    view[:] = 0xFF
    del view
    region.close()


def test_views_and_addresses_see_the_same_octets():
    region = Region(4096)
    words = region.array(np.uint64, offset=64, count=4)
    store64(region.address + 64 + 24, -2)
    assert words[3] == (1 << 64) - 2
    words[0] = 7
    assert load64(region.address + 64) == 7
    assert words.__array_interface__["data"][0] == region.address + 64


@pytest.mark.parametrize(("offset", "count"), [(-1, 1), (0, 513), (4096, 1), (4089, 1), (1 << 40, 0)])
def test_a_view_beyond_the_region_is_refused(offset, count):
    with pytest.raises(ValueError, match="of a region of 4096"):
        Region(4096).array(np.uint64, offset, count)


def test_closing_gives_the_memory_back():
    region = Region(64 * HUGE_PAGE, huge_pages=False)
    inside = region.address + 32 * HUGE_PAGE
    assert mapped(inside)
    region.close()
    assert not mapped(inside)
    region.close()


def test_a_region_that_nobody_holds_is_given_back():
    region = Region(64 * HUGE_PAGE, huge_pages=False)
    inside = region.address + 32 * HUGE_PAGE
    del region
    gc.collect()
    assert not mapped(inside)


def test_a_live_view_keeps_the_memory():
    region = Region(4096)
    view = region.array(np.uint8)
    region.close()
    view[0] = 1
    assert mapped(region.address)


def test_no_room_is_said_with_the_size():
    with pytest.raises(MemoryError, match=str(1 << 60)):
        Region(1 << 60)
