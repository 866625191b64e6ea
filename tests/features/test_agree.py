"""The graph of all features: compiled, checked, in CPython and naively one meaning, on packets that are mostly broken.

Every packet lies against a page that nobody may touch; what differs from the slow twin ends the run by itself.
"""

import json
from pathlib import Path

import pytest

from bise.hot import MODE, Mode
from tests.modes import MODES, run

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="runs all modes itself")

# Nothing leads there while IPv6 multicast is Linux's without a look-up.
UNREACHED = {"punt ipv6.broadcast"}


def _runs(modes: tuple[str, ...], file: Path, count: int, seed: int) -> dict[str, int]:
    """Packets by sink, the same in each mode as is the digest. The last one asks the twin, too."""
    run("interpreted", "tests.features.agree", "make", file, count, seed)
    found = {mode: run(mode, "tests.features.agree", "lead", file) for mode in modes[:-1]}
    found[modes[-1]] = run(modes[-1], "tests.features.agree", "lead", file, "twin")
    assert len(set(found.values())) == 1, found
    _, sinks = json.loads(found[modes[0]])
    assert sum(sinks.values()) == count
    return sinks


@pytest.mark.timeout(400)
def test_python_and_machine_code_agree_with_the_twin(tmp_path):
    assert _runs(("compiled", "interpreted"), tmp_path / "packets", 2000, 1)["transmit"] > 50


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("mode", "count"),
    [pytest.param("compiled", 2000, marks=pytest.mark.slow), pytest.param("interpreted", 300, marks=pytest.mark.slow)],
)
def test_the_instrumented_twin_does_the_same_and_tells_how(tmp_path, mode, count):
    run("interpreted", "tests.features.agree", "make", tmp_path / "packets", count, 3)
    bare = run(mode, "tests.features.agree", "lead", tmp_path / "packets")
    assert run(mode, "tests.features.agree", "lead", tmp_path / "packets", "watched") == bare


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_three_modes_agree_and_every_way_is_taken(tmp_path):
    sinks = _runs(MODES, tmp_path / "packets", 100_000, 2)
    assert {sink for sink, count in sinks.items() if count == 0} == UNREACHED
