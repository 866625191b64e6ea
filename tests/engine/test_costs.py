"""What nodes cost that do nothing."""

import json

import pytest

from bise.hot import MODE, Mode
from tests.modes import run


@pytest.mark.slow
@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="looks at compiled code")
def test_a_node_that_does_nothing_leaves_no_instruction():
    without, with_it = json.loads(run("compiled", "tests.engine.costs"))
    assert len(without) > 100
    assert with_it == without
