"""Received packets are the sum of all sinks, always; in a process of its own, with packets of DPDK's pool."""

import json

import pytest

from bise.hot import MODE, Mode
from tests.engine.sums import NAMES
from tests.modes import run


@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("mode", "bursts"),
    [("interpreted", 150), ("compiled", 1500), pytest.param("checked", 1500, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("asks", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_received_is_the_sum_of_all_sinks(mode, bursts, asks):
    told = json.loads(run(mode, "tests.engine.sums", bursts, 1, asks))
    assert told["sinks"].keys() == set(NAMES)
    assert told["received"] == sum(told["sinks"].values())
