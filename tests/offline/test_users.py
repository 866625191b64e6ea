"""Somebody's own node stands in the router offline as in the running one."""

import pytest

from bise.hot import MODE, Mode
from tests.modes import run

EXPECTED = """transmit ['port12'] 1
drop counting.odd [] 2
transmit ['port12'] 3
drop counting.odd [] 4
transmit ['port12'] 5
"""  # the last by the route of the destination that it was given on its way


@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", ["interpreted", pytest.param("compiled", marks=pytest.mark.slow)])
def test_a_node_of_ones_own_is_led_through(mode: str) -> None:
    assert run(mode, "tests.offline.users") == EXPECTED
