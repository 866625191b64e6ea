"""The instrumented twin: what it looks at, what it leaves to the bare pipeline, and that it can be taken away again."""

import pytest

from bise.hot import MODE, Mode
from tests.modes import run

OTHERS = ("interpreted", "checked")


@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", ["compiled", *(pytest.param(one, marks=pytest.mark.slow) for one in OTHERS)])
def test_what_is_wanted_is_told_and_nothing_is_lost(mode):
    run(mode, "tests.engine.watched")
