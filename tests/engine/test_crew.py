"""Workers that run while their plans are exchanged, in processes of their own: a worker's thread is not undone."""

import json

import pytest

from bise.hot import MODE, Mode
from tests.modes import run

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
ATTEMPTS = 5  # on a busy machine this process may get no time while the packets go round


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("mode", "workers", "rounds", "plans"),
    [
        pytest.param("interpreted", 1, 60, 6, marks=pytest.mark.slow),
        ("compiled", 1, 60_000, 40),
        ("compiled", 2, 60_000, 40),
    ],
)
def test_no_packet_is_lost_when_plans_change(mode, workers, rounds, plans):
    for _ in range(ATTEMPTS):
        told = json.loads(run(mode, "tests.engine.circle", workers, rounds, plans))
        assert told["packets"] > rounds
        if told["under_way"] > 0:
            return
    pytest.fail(f"packets were through before a plan changed in {ATTEMPTS} attempts: this machine is too busy to tell")
