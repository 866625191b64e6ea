"""The highest rate that a router between two veth pairs forwards, by search: Bise beside the kernel, on the same core.

Multiple Loss Ratio search (draft-ietf-bmwg-mlrsearch, by its authors' library) tries rates, short trials first, for two
goals at once: no packet lost, and no more than 0.5 %. A rate is sustained if half of the trials' time was good, as the
machine itself takes cores away now and then. What is told is the rate that the generator really sent. The kernel's
thread goes ahead of all ordinary tasks, as it does for what a late worker leaves to it: other work on the machine would
else cost the kernel's figure more than Bise's.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bise.bench.generator import Offer, Sender
from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import between
from bise.bench.topology import ROUTER_MAC, SOURCE
from bise.bench.veth import Road, two_cores
from bise.errors import BiseError

GOALS = {"no loss": 0.0, "loss up to 0.5 %": 0.005}
_WIDTH = 0.05  # how near the bounds have to be, in parts of a rate
_SHORT_S, _LONG_S, _SUM_S = 0.1, 0.25, 1.25  # of trials, the first and the last, and of all at one rate
_DRAIN_S = 0.03  # packets are under way no longer
_LEAST = 10_000.0
_FLOOD_S = 0.5
_GIVE_UP_S = 150.0


class NoSearch(BiseError):
    """The library that searches is not installed, or it found no end."""


@dataclass(frozen=True)
class Trial:
    """`load` packets a second were wanted, `offered` were sent."""

    load: float
    offered: float
    sent: int
    arrived: int


class Measurer:
    """Makes the trials that the search asks for, on what forwards now. `name` is told with each."""

    def __init__(self, road: Road, name: str) -> None:
        self._road, self._name = road, name
        self.trials: list[Trial] = []

    def measure(self, intended_duration: float, intended_load: float) -> Any:
        """A trial of so many seconds and packets a second, as the library calls it."""
        from MLRsearch import MeasurementResult

        trial = self._try(intended_load, intended_duration)
        self.trials.append(trial)
        lost = trial.sent - trial.arrived
        print(f"{self._name}: {trial.load:9.0f} packets/s, {lost} of {trial.sent} lost", file=sys.stderr, flush=True)
        return MeasurementResult(
            intended_duration=intended_duration,
            intended_load=intended_load,
            offered_count=trial.sent,
            forwarding_count=trial.arrived,
        )

    def _try(self, load: float, seconds: float) -> Trial:
        line, meter = self._road.line, self._road.meter
        offer = Offer(SOURCE, line.destinations(), load)
        sender = Sender(line.client, "c0", ROUTER_MAC, offer, line.cores.traffic)
        before = meter.now()
        with meter.follow(sender):
            sender.wait_until_sending()
            offered = meter.pass_time(seconds).offered
        time.sleep(_DRAIN_S)
        span = between(before, meter.now())
        return Trial(load, offered, span.sent, span.arrived)

    def rate(self, load: float) -> float:
        """What the generator sent when it was to send this."""
        return statistics.median(trial.offered for trial in self.trials if _is_same(trial.load, load))


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) < 1e-6 * other


def search(measurer: Measurer, most: float) -> list[float]:
    """Packets a second for each goal, of at most `most`; 0: none is sustained. Raises NoSearch."""
    import MLRsearch

    durations = {"initial_trial_duration": _SHORT_S, "final_trial_duration": _LONG_S, "duration_sum": _SUM_S}
    goals = [
        MLRsearch.SearchGoal(loss_ratio=ratio, relative_width=_WIDTH, fail_fast=False, **durations)
        for ratio in GOALS.values()
    ]
    config = MLRsearch.Config(goals, _LEAST, max(most, 2 * _LEAST), _GIVE_UP_S, 0.0)
    try:
        found = MLRsearch.MultipleLossRatioSearch(config).search(measurer, _silently)
    except RuntimeError as error:
        raise NoSearch(f"the search for the throughput found no end: {error}") from None
    bounds = [found[goal].relevant_lower_bound for goal in goals]
    return [measurer.rate(float(bound)) if bound is not None else 0.0 for bound in bounds]


def _silently(_: str) -> None:
    pass


def searched(road: Road, name: str) -> list[float]:
    """Of what forwards now."""
    with heaviest():
        with road.traffic(0):
            most = road.meter.pass_time(_FLOOD_S).offered
        return search(Measurer(road, name), most)


def compare(road: Road, rounds: int) -> Iterator[tuple[list[float], list[float]]]:
    """Bise's rates and the kernel's, by round."""
    for number in range(rounds):
        road.line.kernel_forwards(first=True)
        kernel = searched(road, f"round {number + 1} of {rounds}, kernel")
        with ExitStack() as stack:
            bise = stack.enter_context(road.bise())
            stack.enter_context(heaviest(bise.process.pid))
            road.line.worker_forwards()
            yield searched(road, f"round {number + 1} of {rounds}, Bise"), kernel


def check_library() -> None:
    """Raises NoSearch."""
    try:
        import MLRsearch  # noqa: F401
    except ImportError:
        raise NoSearch("this searches with MLRsearch, which is not installed: pip install 'bise[bench]'") from None


def measure(rounds: int = 3) -> Iterator[dict[str, Any]]:
    """`bise bench throughput`: the medians of the searches, and how far their ratios lie apart; about three minutes."""
    check_library()
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    with Road(two_cores()) as road:
        found = list(compare(road, rounds))
    for number, goal in enumerate(GOALS):
        ours, kernel = ([one[number] for one in column] for column in zip(*found, strict=True))
        ratios = [mine / theirs for mine, theirs in zip(ours, kernel, strict=True) if theirs]
        spread = (max(ratios) - min(ratios)) / statistics.median(ratios) if ratios else 0.0
        middle, beside = statistics.median(ours), statistics.median(kernel)
        yield row(f"veth to veth, {goal}; the kernel", "packets/s", middle, beside, spread)
