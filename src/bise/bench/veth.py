"""What a router between two veth pairs forwards: Bise beside the kernel, on the same core, in alternation.

The send path of a veth is the kernel's own and limits everybody to about a million packets a second. The generator and
the NAPI threads have one core; the other forwards: the incoming port's NAPI thread, or a worker of Bise.
"""

import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from bise.bench.generator import Meter, Offer, Sender, Sink
from bise.bench.generator.cores import HEAVIEST, heaviest
from bise.bench.generator.meter import Sample, Span, between
from bise.bench.running import RunningBise
from bise.bench.topology import ROUTER_MAC, SOURCE, Cores, Line
from bise.errors import BiseError

OVER = 1.08  # of what the router can do: flooding it much harder costs it up to a third
_FLOOD_S = 1.0
_SETTLE_S = 0.5
_LEAST = 10_000.0


def two_cores() -> Cores:
    """One for the traffic and one that forwards. Raises BiseError."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BiseError("this needs two cores: one for the traffic, one that forwards")
    return Cores(allowed[0], allowed[1])


class Road:
    """A line of client, router and server with traffic on it, while the block runs. `stamped`: the sink counts how long
    packets took."""

    def __init__(self, cores: Cores, purpose: str = "bisebench", stamped: bool = False) -> None:
        self.line = Line(cores=cores, purpose=purpose)
        self._stamped = stamped
        self._present = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.line)
            self.sink = stack.enter_context(Sink(self.line.server, "s0", self._stamped))
            self.meter = stack.enter_context(Meter(self.sink))
            self._present = stack.pop_all()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._present.close()

    @contextmanager
    def traffic(self, rate: float, nice: int = HEAVIEST) -> Iterator[None]:
        """Packets at this rate while the block runs; 0: all that the generator can."""
        offer = Offer(SOURCE, self.line.destinations(), rate, stamped=self._stamped)
        sender = Sender(self.line.client, "c0", ROUTER_MAC, offer, self.line.cores.traffic, nice=nice)
        with self.meter.follow(sender):
            self.meter.pass_time(_SETTLE_S)
            yield

    def capacity(self, seconds: float) -> tuple[Sample, Span]:
        """When it began, and what was forwarded of a little more than can be."""
        with heaviest():
            with self.traffic(0):
                flooded = self.meter.pass_time(_FLOOD_S).rate
            with self.traffic(max(_LEAST, OVER * flooded)):
                before = self.meter.now()
                self.meter.pass_time(seconds)
                return before, between(before, self.meter.now())

    def bise(self, *options: str, cache: str | None = None) -> RunningBise:
        """Starts on both ports of the router, its worker on the core that forwards; `options` are words of `bise run`,
        `cache` the folder of compiled code, if not the caller's.

        No packet here has a VLAN tag, so that kernels whose veth can't tell (before 6.8) need not.
        """
        cores = self.line.cores
        both = (cores.traffic, cores.forwarding)
        ports = ("c,untagged=yes", "s,untagged=yes")
        words = ("--cores", str(cores.forwarding), *options)
        return RunningBise(self.line.router, ports, words, cores=both, cache=cache)


def compare(road: Road, rounds: int, seconds: float) -> Iterator[tuple[float, float]]:
    """Packets a second of Bise and of the kernel, by round."""
    for _ in range(rounds):
        road.line.kernel_forwards()
        kernel = road.capacity(seconds)[1].rate
        with road.bise() as running, heaviest(running.process.pid):
            road.line.worker_forwards()
            yield road.capacity(seconds)[1].rate, kernel


def measure(rounds: int = 4, seconds: float = 2.0) -> Iterator[dict[str, Any]]:
    """`bise bench veth`: the medians, and how far the rounds' ratios lie apart."""
    from bise.bench.tables import row  # brings the compiler along, which the demo need not wait for

    with Road(two_cores()) as road:
        ours, kernel = (list(column) for column in zip(*compare(road, rounds, seconds), strict=True))
    ratios = [mine / theirs for mine, theirs in zip(ours, kernel, strict=True)]
    spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
    yield row("veth to veth, the kernel", "packets/s", statistics.median(ours), statistics.median(kernel), spread)
