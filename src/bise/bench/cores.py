"""What a second worker brings: packets a second of two beside those of one, alternating in one run.

Each with a source of its own, without and with their packets spread; then with everything received by one of them,
whose packets are spread, plainly and with a user's node in the way that costs 150 cycles. The rates are those of the
upper decile of short windows, as others on the same machine only ever take from them; the spread is the range of the
rounds' ratios. At last what the worker that receives pays for a packet that it hands over.
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bise.bench.forward import packets_for
from bise.bench.handing import measure as handing_over
from bise.bench.nodes import declared
from bise.bench.router import DRIVERS, PARTS, Router, register, unregister
from bise.bench.tables import row
from bise.bench.traffic import Job
from bise.engine import worker
from bise.engine.crew import Crew
from bise.engine.duty import Duty
from bise.engine.graph import Graph
from bise.engine.graph import build as build_graph
from bise.engine.node import NOWHERE, NoState, Part
from bise.engine.pipeline import Pipeline, build
from bise.engine.writer import HAND_OVER
from bise.errors import BiseError
from bise.hot import Region
from bise.ports.dpdk import eal

JOB = Job(4, 10_000, 4096)
_WINDOWS, _WINDOW_S, _WARM_S = 12, 0.05, 0.2


class TooFewCores(BiseError):
    """Two workers need a core each."""


@dataclass(frozen=True)
class Arrangement:
    """What workers do: their duties, by worker, and through which pipeline."""

    pipeline: Pipeline
    duties: tuple[Duty, ...]


class Workers:
    """Crews of one and two workers over a router's tables, sources and sinks."""

    def __init__(self, router: Router, cores: Sequence[int]) -> None:
        self._crews = {count: Crew(cores[:count], worker.POLL, register, unregister) for count in (1, 2)}
        self._region = Region(4096, huge_pages=False)
        self._states = router.states() | {f"{NoState.__module__}.{NoState.__qualname__}": self._region.address}

    def rate(self, wanted: Arrangement) -> float:
        """Packets a second that end somewhere."""
        crew = self._crews[len(wanted.duties)]
        crew.publish(wanted.pipeline, wanted.duties, self._states)
        crew.start()
        time.sleep(_WARM_S)
        found = []
        for _ in range(_WINDOWS):
            before, begun = crew.sums().total(), time.monotonic()
            time.sleep(_WINDOW_S)
            after, ended = crew.sums().total(), time.monotonic()
            found.append((after - before) / (ended - begun))
        if not crew.stop(5.0):
            raise BiseError("a worker doesn't end")
        return statistics.quantiles(found, n=10)[-1]

    def close(self) -> None:
        self._region.close()


def _graph(users: Sequence[Part]) -> Graph:
    return build_graph("ethernet.input", [*PARTS, *users], always=(NOWHERE,))


def _plain(router: Router, number: int) -> Duty:
    return Duty((router.receives(number),), (router.sends(number),))


def _one(router: Router, *users: Part) -> Arrangement:
    return Arrangement(build(_graph(users), DRIVERS), (_plain(router, 0),))


def _apart(router: Router) -> Arrangement:
    one = _one(router)
    return replace(one, duties=(_plain(router, 0), _plain(router, 1)))


def _spread(router: Router, *users: Part) -> Arrangement:
    """All packets are received by the first worker; each sends by a queue of its own."""
    duties = Duty((router.receives(0, spread=True),), (router.sends(0),)), Duty((), (router.sends(1),))
    return Arrangement(build(_graph(users), (*DRIVERS, HAND_OVER)), duties)


def _both_spread(router: Router) -> Arrangement:
    """Each receives packets that may be the other's."""
    duties = tuple(Duty((router.receives(number, spread=True),), (router.sends(number),)) for number in (0, 1))
    return Arrangement(build(_graph(()), (*DRIVERS, HAND_OVER)), duties)


def _pairs(router: Router) -> dict[str, tuple[Arrangement, Arrangement]]:
    """By name: what is compared, and the one worker beside it."""
    burning = declared("burn").part
    return {
        "two workers, a source each": (_apart(router), _one(router)),
        "two workers, a source each, spread": (_both_spread(router), _one(router)),
        "two workers, one receives": (_spread(router), _one(router)),
        "two workers, one receives, node of 150 cycles": (_spread(router, burning), _one(router, burning)),
    }


def measure(rounds: int = 5) -> Iterator[dict[str, Any]]:
    """`bise bench cores`."""
    cores = sorted(os.sched_getaffinity(0))[-2:]
    if len(cores) < 2:
        raise TooFewCores("this needs two cores")
    eal.start("bench", cores)
    packets, prefixes = 2 * packets_for(JOB) + 1, JOB.prefixes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.pcap"
        JOB.capture(prefixes, path)
        with (
            contextlib.closing(Router(JOB, prefixes, path, cores, packets)) as router,
            contextlib.closing(Workers(router, cores)) as workers,
        ):
            for name, pair in _pairs(router).items():
                yield _compared(workers, name, pair, rounds)
            handing = handing_over(router, cores, rounds)
            middle = statistics.median(handing)
            yield row("a packet handed over", "cycles", middle, spread=(max(handing) - min(handing)) / middle)


def _compared(workers: Workers, name: str, pair: tuple[Arrangement, Arrangement], rounds: int) -> dict[str, Any]:
    found = [tuple(workers.rate(one) / 1e6 for one in pair) for _ in range(rounds)]
    ratios = [two / one for two, one in found]
    ours, beside = (statistics.median(column) for column in zip(*found, strict=True))
    spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
    return row(name, "million packets/s", ours, beside, spread)
