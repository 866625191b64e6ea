"""Every input that is kept passes, in the mode in which this runs; twice more with an octet changed anywhere."""

import importlib
from random import Random

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

_CHANGED = 2


def changed(octets: bytes, chance: Random) -> bytes:
    """One octet is another."""
    at = chance.randrange(len(octets))
    return octets[:at] + bytes([chance.randrange(256)]) + octets[at + 1 :]


@pytest.mark.timeout(900)  # most of it compiles, where nothing has before
@pytest.mark.parametrize("target", TARGETS)
def test_what_was_kept_passes(target):
    examine = importlib.import_module(f"tests.fuzz.{target}").examine
    inputs = list(corpus.read(target))
    assert len(inputs) > 20
    for number, octets in enumerate(inputs):
        chance = Random(number)
        for one in (octets, *(changed(octets, chance) for _ in range(_CHANGED))):
            try:
                examine(one)
            except Exception as fault:
                raise AssertionError(f"{target} {one.hex()}") from fault
