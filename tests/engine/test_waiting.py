"""Each way of waiting for packets, seen from outside: what an idle worker costs, what wakes it, what it promises."""

import json

import pytest

from bise.engine.worker import ALIVE_NS, DOZE_NS, NAP_NS
from bise.hot import MODE, Mode
from tests.modes import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself"),
]
ATTEMPTS = 5  # of what a busy machine can disturb
DOZE_MS, LONGEST_MS = DOZE_NS / 1e6, (DOZE_NS + ALIVE_NS) / 1e6
DOZES, NAPS = 1e9 / DOZE_NS, 1e9 / NAP_NS


def seen(way: str, wakes: bool = True, mode: str = "compiled"):
    """What the worker did, again and again while the caller refuses it."""
    for _ in range(ATTEMPTS):
        yield json.loads(run(mode, "tests.engine.waiting", way, int(wakes)))


def test_a_polling_worker_never_sleeps():
    assert any(told["idle"]["sleeps_a_second"] < 20 and told["packet_ms"] < 1 for told in seen("poll"))


@pytest.mark.parametrize("way", ["adaptive", "interrupt"])
def test_an_idle_worker_sleeps_as_long_as_it_may(way):
    idle = next(seen(way))["idle"]
    assert DOZES / 2 < idle["sleeps_a_second"] < DOZES * 1.2
    assert idle["share"] < 0.05


@pytest.mark.parametrize("way", ["adaptive", "interrupt"])
def test_a_packet_wakes_a_worker(way):
    assert any(told["packet_ms"] < DOZE_MS / 8 for told in seen(way))


def test_an_interpreted_worker_sleeps_too():
    every = seen("interrupt", mode="interpreted")
    assert any(DOZES / 2 < told["idle"]["sleeps_a_second"] < DOZES * 1.2 for told in every)


@pytest.mark.parametrize("way", ["poll", "adaptive", "interrupt"])
def test_timers_are_called_in_time(way):
    """A thousand a second are wanted; who only dozed would call a quarter of them."""
    assert any(told["timed"]["calls_a_second"] > 2 * DOZES for told in seen(way))


@pytest.mark.parametrize("way", ["poll", "adaptive", "interrupt"])
def test_a_new_plan_waits_for_no_packet(way):
    assert any(told["plan_ms"] < 3 * DOZE_MS for told in seen(way))


@pytest.mark.parametrize("way", ["poll", "adaptive", "interrupt"])
def test_a_worker_that_dies_asleep_is_found_out_in_time(way):
    """The steering program believes what the worker promised last."""
    told = next(seen(way))
    assert told["idle"]["promised_ms"] < LONGEST_MS + 1
    assert told["timed"]["promised_ms"] < LONGEST_MS + 1
    assert told["promised_at_the_end"] == 0


@pytest.mark.parametrize("way", ["adaptive", "interrupt"])
def test_a_port_that_wakes_nobody_is_looked_at_often(way):
    assert any(
        told["packet_ms"] < 1 and NAPS / 20 < told["idle"]["sleeps_a_second"] < NAPS for told in seen(way, wakes=False)
    )
