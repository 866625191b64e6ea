"""The punting budget against counting tokens, and what happens to a port when it is spent."""

import contextlib
import ctypes
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bise.engine import punting
from bise.engine.punting import ALLOWANCE_NS, DATA_INTERVAL_NS, OVERLOAD_NS, URGENT_INTERVAL_NS, Punting
from bise.engine.worker import Queue
from bise.hot import Region, entry, load64, store64

within_budget, hot_punt = punting._within_budget, punting.punt


@entry(3)
def allowed(record, now, urgent):
    return int(within_budget(Punting(record), now, urgent != 0))


@entry(4)
def punt(record, queue, now, packet):
    """Of the data class; `packet` is the address of its octets, of which there are 60."""
    hot_punt(record, queue, now, False, packet, 60, 60)
    return 0


@entry(3)
def punt_half(record, queue, packet):
    """A packet of which the other half lies elsewhere."""
    hot_punt(record, queue, 1, True, packet, 60, 120)
    return 0


class Setting:
    """A worker's budget, a queue that is punted to a pipe, and a port's overload word."""

    def __init__(self) -> None:
        self._region = Region(4096, huge_pages=False)
        self.record, self.queue = Punting(self._region.address), Queue(self._region.address + 512)
        self.overload, self.packet = self._region.address + 1024, self._region.address + 2048
        ctypes.memmove(self.packet, bytes(range(60)), 60)
        self.reader, self._writer = os.pipe2(os.O_NONBLOCK)
        self.queue.punting = self._writer
        self.now = 1 << 40

    def punt(self, count: int) -> None:
        for _ in range(count):
            punt(self.record.address, self.queue.address, self.now, self.packet)
            with contextlib.suppress(BlockingIOError):
                os.read(self.reader, 4096)

    def close(self) -> None:
        os.close(self.reader)
        os.close(self._writer)
        self._region.close()


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    made.close()


FULL = ALLOWANCE_NS // DATA_INTERVAL_NS  # packets at once


@given(st.lists(st.tuples(st.integers(0, 40_000_000), st.sampled_from((1, 30, 999, 1010)), st.booleans()), max_size=5))
@settings(max_examples=25)
def test_the_budget_is_a_bucket_of_tokens(bursts):
    """Naively: a class's tokens come at its rate up to the allowance, and every packet takes one, even past it."""
    made, now = Setting(), 1 << 40
    owed = {True: 0, False: 0}  # ns of tokens taken and not yet come
    for pause, count, urgent in bursts:
        now += pause
        owed = {kind: max(0, debt - pause) for kind, debt in owed.items()}
        interval = URGENT_INTERVAL_NS if urgent else DATA_INTERVAL_NS
        for _ in range(count):
            assert bool(allowed(made.record.address, now, urgent)) == (owed[urgent] < ALLOWANCE_NS)
            owed[urgent] = min(owed[urgent], ALLOWANCE_NS) + interval
    made.close()


def test_urgent_packets_have_a_budget_of_their_own(setting):
    for _ in range(FULL + 10):
        last = allowed(setting.record.address, setting.now, 0)
    assert not last
    assert allowed(setting.record.address, setting.now, 1)


def test_within_the_budget_everything_reaches_linux(setting):
    setting.queue.overload = setting.overload
    setting.punt(FULL)
    assert (setting.record.delivered, setting.queue.punted, setting.record.overloads) == (FULL, FULL, 0)
    assert load64(setting.overload) == 0


def test_past_the_budget_the_port_is_left_to_the_kernel_and_nothing_is_lost(setting):
    setting.queue.overload = setting.overload
    setting.punt(FULL + 5)
    assert load64(setting.overload) == setting.now + OVERLOAD_NS
    assert (setting.record.delivered, setting.record.overloads, setting.record.over_budget) == (FULL + 5, 1, 0)
    setting.now += OVERLOAD_NS + 1
    setting.punt(FULL + 5)
    assert setting.record.overloads == 2


def test_a_port_without_a_kernel_drops_what_is_past_the_budget(setting):
    setting.punt(FULL + 5)
    assert (setting.record.delivered, setting.record.over_budget) == (FULL, 5)
    assert setting.record.overloads == 0
    setting.now += 3 * DATA_INTERVAL_NS
    setting.punt(5)
    assert setting.record.delivered > FULL


def test_what_linux_refuses_is_counted(setting):
    setting.queue.punting = setting.reader  # can't be written to
    setting.punt(3)
    assert (setting.record.delivered, setting.record.failed, setting.queue.punted) == (0, 3, 0)


def test_half_a_packet_is_never_given_to_linux(setting):
    punt_half(setting.record.address, setting.queue.address, setting.packet)
    assert (setting.record.delivered, setting.record.failed) == (0, 1)


def test_the_overload_word_is_only_ever_moved_by_the_budget(setting):
    setting.queue.overload = setting.overload
    store64(setting.overload, setting.now + 7)
    setting.punt(1)
    assert load64(setting.overload) == setting.now + 7
