"""The search for the highest rate: on routers that are told what they can, and a real one."""

import random
import sys
from dataclasses import dataclass, field

import pytest

from bise.bench import throughput
from bise.bench.throughput import Measurer, NoSearch, Trial, search
from bise.cli.bench import COLUMNS


@dataclass
class Router(Measurer):
    """Forwards so many packets a second and not one more; in some trials it loses one all the same."""

    capacity: float
    unlucky: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    _name: str = "told"
    _chance: random.Random = field(default_factory=lambda: random.Random(1))

    def _try(self, load: float, seconds: float) -> Trial:
        sent = int(load * seconds)
        lost = max(0, sent - int(self.capacity * seconds)) or int(self._chance.random() < self.unlucky)
        return Trial(load, 0.99 * load, sent, sent - lost)


@pytest.mark.parametrize("unlucky", [0.0, 0.2])
def test_a_search_finds_what_a_router_can(unlucky: float) -> None:
    without, some = search(Router(400_000, unlucky), 1_500_000)
    assert 0.94 * 400_000 < without / 0.99 <= 400_000
    assert 0.94 * 400_000 < some / 0.99 <= 400_000 / 0.995
    assert without <= some


def test_a_router_that_can_more_than_the_generator_is_told_the_generators_rate() -> None:
    assert search(Router(9_000_000), 1_000_000) == [990_000, 990_000]


def test_a_router_that_always_loses_sustains_nothing() -> None:
    assert search(Router(400_000, unlucky=1.0), 1_000_000)[0] == 0.0


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MLRsearch", None)
    with pytest.raises(NoSearch, match=r"pip install 'bise\[bench\]'"):
        next(throughput.measure())


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_small_run_has_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_WIDTH": 0.5, "_LONG_S": 0.1, "_SUM_S": 0.3}.items():
        monkeypatch.setattr(throughput, name, value)
    rows = list(throughput.measure(1))
    assert [tuple(row) for row in rows] == [COLUMNS] * len(throughput.GOALS)
    assert rows[1]["ours"] > 0
