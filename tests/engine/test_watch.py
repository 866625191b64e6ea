"""The instrumented twin: what it looks at, what it leaves to the bare pipeline, and that it can be taken away again."""

import json

import pytest

from bise.engine.watching import EVERY
from bise.engine.worker import BURST
from bise.hot import MODE, Mode
from tests.modes import run

OTHERS = ("interpreted", "checked")


@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", ["compiled", *(pytest.param(one, marks=pytest.mark.slow) for one in OTHERS)])
def test_what_is_wanted_is_told_and_nothing_is_lost(mode):
    told = json.loads(run(mode, "tests.engine.watched"))
    each = 3 * (EVERY + 1)
    assert told["seen"] == {
        "transmit": 6 * 2 + 5 + 81 * BURST + each,
        "drop steps.dropped": 6 + 5,
        "drop steps.over": 5 + each,
        "punt steps.punted": 6,
    }
    assert told["asking"] == told["seen"]
