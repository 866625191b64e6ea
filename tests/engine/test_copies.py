"""Copies that users' nodes ask for, and ports that they name and that aren't there."""

import json
from functools import cache
from typing import Any

import pytest

from bise.engine.worker import BURST, LANE_ROOM
from bise.hot import MODE
from tests.engine.wild import BURSTS
from tests.modes import run

pytestmark = pytest.mark.timeout(600)
TO_NOWHERE = {"drop nodes.no-port": 2}


@cache
def told(halves: int = 0) -> dict[str, Any]:
    """In a process of its own: a pool is not undone."""
    found: dict[str, Any] = json.loads(run(MODE.value, "tests.engine.wild", halves))
    return found


def test_a_copy_is_the_packet_as_the_node_left_it():
    octets = bytearray(BURSTS["one"][0].octets)
    octets[2:4] = b"\x07\0"
    assert told()["one"]["copies"] == [[1, octets.hex()]]
    assert told()["none"]["copies"] == []


@pytest.mark.parametrize(
    ("burst", "count"), [("one", 1), ("by the port that it leaves by", 1), ("a full burst", BURST)]
)
def test_what_is_copied_is_sent_all_the_same(burst, count):
    became = told()[burst]
    assert became["copied"] == [count, 0]
    assert len(became["copies"]) == became["sent"] == count
    assert became["sinks"] == {"transmit": count}


@pytest.mark.parametrize("burst", ["to no port", "not in one piece", "too large for one"])
def test_a_copy_that_cannot_be_is_counted_and_the_packet_goes_on(burst):
    became, count = told()[burst], len(BURSTS[burst])
    assert became["copied"] == [0, count]
    assert became["copies"] == []
    assert became["sent"] == count


def test_a_copy_of_a_packet_that_goes_on_to_another_node():
    assert told()["on"]["copied"] == [1, 0]
    assert told()["on"]["sinks"] == {"transmit": 1}


def test_a_port_that_is_not_there_is_no_way_out():
    assert told()["out by no port"]["sinks"] == TO_NOWHERE


@pytest.mark.parametrize("halves", [0, 1])
def test_copies_leave_room_for_the_burst_itself(halves):
    became = told(halves)["twice each of a full burst"]
    copied, uncopied = became["copied"]
    assert became["sent"] == BURST
    assert copied + uncopied == 2 * BURST
    assert BURST / 2 < copied == len(became["copies"]) <= LANE_ROOM - BURST


def test_copies_are_the_same_of_bursts_that_stop_half_way():
    several = "twice each of a full burst"  # whose copies all come first then
    assert {**told(1), several: 0} == {**told(), several: 0}
