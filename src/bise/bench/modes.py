"""What each way of waiting for packets costs: latency and CPU of `bise run --mode …` between two veth ports.

Beside it the kernel alone, on the same core, in alternation: each round looks at the kernel, then at each mode, without
traffic and under three loads. Figures are the medians of the rounds. The generator stamps each packet, the sink reads
the stamp; both clocks are one. CPU is the time that everything which forwards has run: Bise's process and the NAPI
thread of the incoming port, or that thread alone. Full load is a little more than can be forwarded, so that latency is
the length of full queues.
"""

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import between
from bise.bench.veth import OVER, Road, two_cores

MODES = ("poll", "adaptive", "interrupt")
KERNEL = "kernel"
IDLE, FULL = "idle", "full load"
RATES = {"1 kpps": 1_000.0, "100 kpps": 100_000.0}
LOADS = (IDLE, *RATES, FULL)
PERCENTILES = (50.0, 99.0, 99.9)
_FLOOD_S = 0.5


@dataclass(frozen=True)
class Look:
    """A forwarder under one load: by PERCENTILES, latency in us; CPU in % of a core; packets a second forwarded."""

    latency_us: tuple[float, ...]
    cpu: float
    rate: float


def ran_ns(processes: Sequence[int]) -> int:
    """How long all threads of these processes have run."""
    total = 0
    for process in processes:
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total


def at_rest(processes: Sequence[int], seconds: float) -> Look:
    """Without traffic."""
    begun, before = time.monotonic_ns(), ran_ns(processes)
    time.sleep(seconds)
    ran, passed = ran_ns(processes) - before, time.monotonic_ns() - begun
    return Look((), 100 * ran / passed, 0.0)


def loaded(road: Road, rate: float, processes: Sequence[int], seconds: float) -> Look:
    """At so many packets a second."""
    with road.traffic(rate):
        road.sink.forget_delays()
        before, ran = road.meter.now(), ran_ns(processes)
        road.meter.pass_time(seconds)
        span, ran = between(before, road.meter.now()), ran_ns(processes) - ran
        delays = road.sink.delays
    latency = tuple(delays.percentile_us(percent) for percent in PERCENTILES)
    return Look(latency, ran / span.seconds / 1e7, span.rate)


def looks(road: Road, processes: Sequence[int], seconds: float) -> dict[str, Look]:
    """At whatever forwards now, by load."""
    found = {IDLE: at_rest(processes, seconds)}
    with heaviest():
        for name, rate in RATES.items():
            found[name] = loaded(road, rate, processes, seconds)
        with road.traffic(0):
            flooded = road.meter.pass_time(_FLOOD_S).rate
        found[FULL] = loaded(road, OVER * flooded, processes, seconds)
    return found


def once(road: Road, seconds: float, tell: Callable[[str], None]) -> dict[str, dict[str, Look]]:
    """A round: by forwarder, by load."""
    tell(KERNEL)
    road.line.kernel_forwards()
    found = {KERNEL: looks(road, road.line.incoming, seconds)}
    for mode in MODES:
        tell(mode)
        with ExitStack() as stack:
            bise = stack.enter_context(road.bise("--mode", mode))
            stack.enter_context(heaviest(bise.process.pid))
            road.line.worker_forwards()
            found[mode] = looks(road, [bise.process.pid, *road.line.incoming], seconds)
    return found


def rows(rounds: Sequence[dict[str, dict[str, Look]]]) -> Iterator[dict[str, Any]]:
    """The medians of the rounds, each mode's beside the kernel's."""
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    for mode in MODES:
        for load in LOADS:
            ours, kernel = ([one[name][load] for one in rounds] for name in (mode, KERNEL))
            for what, unit, read in _figures(load):
                mine, theirs = ([read(look) for look in column] for column in (ours, kernel))
                middle = statistics.median(mine)
                spread = (max(mine) - min(mine)) / middle if middle else 0.0
                yield row(f"{mode}, {load}: {what}", unit, middle, statistics.median(theirs), spread)


def _figures(load: str) -> Iterator[tuple[str, str, Callable[[Look], float]]]:
    """What is told of a load: its name, its unit, and where it stands in a Look."""
    yield "CPU", "% of a core", lambda look: look.cpu
    if load != IDLE:
        yield "forwarded", "packets/s", lambda look: look.rate
        for number, percent in enumerate(PERCENTILES):
            yield f"latency, {percent:g} %", "us", partial(_latency_us, number)


def _latency_us(number: int, look: Look) -> float:
    return look.latency_us[number]


def measure(count: int = 5, seconds: float = 2.0) -> Iterator[dict[str, Any]]:
    """`bise bench modes`: `count` rounds, each look so long; about five minutes."""
    with Road(two_cores(), stamped=True) as road:
        found = [once(road, seconds, partial(_tell, number + 1, count)) for number in range(count)]
    yield from rows(found)


def _tell(number: int, count: int, who: str) -> None:
    print(f"round {number} of {count}: {who}", file=sys.stderr, flush=True)
