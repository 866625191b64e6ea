"""The graph of all features: compiled, checked, in CPython and naively one meaning, on packets that are mostly broken.

Every packet lies against a page that nobody may touch; what differs from the slow twin ends the run by itself.
"""

import json

import pytest

from bise.hot import MODE, Mode
from tests.modes import MODES, run

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="runs all modes itself")

# Nothing leads there while IPv6 multicast is Linux's without a look-up.
UNREACHED = {"punt ipv6.broadcast"}


def _runs(modes: tuple[str, ...], count: int, seed: int) -> tuple[str, dict[str, int]]:
    """The digest that they agree on, and packets by sink."""
    found = {mode: json.loads(run(mode, "tests.features.agree", count, seed)) for mode in modes}
    assert len({digest for digest, _ in found.values()}) == 1, found
    return found[modes[0]]


@pytest.mark.timeout(400)
def test_python_and_machine_code_agree_with_the_twin():
    _, sinks = _runs(("interpreted", "compiled"), 2000, 1)
    assert sum(sinks.values()) == 2000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_three_modes_agree_and_every_way_is_taken():
    _, sinks = _runs(MODES, 100_000, 2)
    assert sum(sinks.values()) == 100_000
    assert {sink for sink, count in sinks.items() if count == 0} == UNREACHED
