"""Somebody's own node stands in the router offline as in the running one."""

from bise.hot import MODE
from tests.modes import run

EXPECTED = """transmit ['port12'] 1
drop counting.odd [] 2
transmit ['port12'] 3
drop counting.odd [] 4
"""


def test_a_node_of_ones_own_is_led_through() -> None:
    assert run(MODE.value, "tests.offline.users") == EXPECTED
