"""What is shown between two veth pairs: who forwards how much, and what is lost when things change.

Rates are measured at slightly more than what the router can do: flooding it much harder costs it up to a third. What
changes cost is measured at a rate far below, so that every packet lost was lost to the change.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bise.bench.generator import Meter, Offer, Sender, Sink
from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import Span, between
from bise.bench.running import RunningBise
from bise.bench.topology import ROUTER_MAC, SERVER_MAC, SOURCE, Line

_OVER = 1.08
_STEADY = 0.25  # of the kernel's rate
_LEAST = 10_000.0
_FLOOD_S = 1.0
_SETTLE_S = 0.5


@dataclass(frozen=True)
class Step:
    """Something that was shown. `lost` is None where more was offered than anybody can forward."""

    name: str
    forwarder: str
    begun: float
    ended: float
    packets_per_second: float
    lost: int | None = None
    longest_gap_ns: int | None = None


@dataclass
class Story:
    """Tells itself on `line`; `told` gets each step that is over, `begun` the name of the one that begins."""

    line: Line
    meter: Meter
    sink: Sink
    seconds: float
    begun: Callable[[str], None]
    told: Callable[[Step], None]

    def tell(self) -> Iterator[Step]:
        """Each step, as it ends."""
        kernel = self._rate("the kernel forwards", "kernel")
        yield kernel
        self.line.kernel_forwards(first=True)
        steady = max(_LEAST, _STEADY * kernel.packets_per_second)
        with self._traffic(steady):
            bise, step = self._start("Bise starts")
            yield step
        try:
            yield from self._with_bise(bise, steady)
            bise.kill()
            with self._traffic(steady):
                bise, step = self._start("Bise starts again")
                yield step
                yield self._change("Bise is stopped (Ctrl-C)", "Bise, then kernel", bise.stop)
        finally:
            bise.kill()

    def _with_bise(self, bise: RunningBise, steady: float) -> Iterator[Step]:
        with heaviest(bise.process.pid):
            self.line.worker_forwards()
            yield self._rate("Bise forwards", "Bise")
            self.line.kernel_forwards(first=True)
            with self._traffic(steady):
                yield self._change("a route changes", "Bise", self._move_a_route)
                yield self._change("Bise is killed (SIGKILL)", "Bise, then kernel", lambda: bise.signal(signal.SIGKILL))

    @contextmanager
    def _traffic(self, rate: float) -> Iterator[None]:
        """Packets at this rate while the block runs; 0: all that the generator can."""
        offer = Offer(SOURCE, self.line.destinations(), rate)
        with self.meter.follow(Sender(self.line.client, "c0", ROUTER_MAC, offer, self.line.cores.traffic)):
            self.meter.pass_time(_SETTLE_S)
            yield

    def _rate(self, name: str, forwarder: str) -> Step:
        """What the router forwards when it is offered a little more."""
        self.begun(name)
        with self._traffic(0):
            capacity = self.meter.pass_time(_FLOOD_S).rate
        with self._traffic(max(_LEAST, _OVER * capacity)):
            before = self.meter.now()
            span = self.meter.pass_time(self.seconds)
        return self._step(name, forwarder, before.moment, span, None)

    def _start(self, name: str) -> tuple[RunningBise, Step]:
        """Bise takes over under traffic."""
        self.begun(name)
        self.sink.forget_gap()
        before = self.meter.now()
        cores = self.line.cores
        options = ("--cores", str(cores.forwarding))
        both = (cores.traffic, cores.forwarding)
        bise = RunningBise(self.line.router, ("c", "s"), options, cores=both)
        try:
            bise.wait_until_forwarding()
            self.meter.pass_time(_SETTLE_S)
        except BaseException:
            bise.kill()
            raise
        span = between(before, self.meter.now())
        return bise, self._step(name, "kernel, then Bise", before.moment, span, span.lost)

    def _change(self, name: str, forwarder: str, change: Callable[[], None]) -> Step:
        """Something changes under traffic."""
        self.begun(name)
        self.sink.forget_gap()
        before = self.meter.now()
        change()
        self.meter.pass_time(max(1.0, self.seconds / 2))
        span = between(before, self.meter.now())
        return self._step(name, forwarder, before.moment, span, span.lost)

    def _step(self, name: str, forwarder: str, begun: float, span: Span, lost: int | None) -> Step:
        gap = None if lost is None else self.sink.arrived.longest_gap_ns
        step = Step(name, forwarder, begun, begun + span.seconds, span.rate, lost, gap)
        self.told(step)
        return step

    def _move_a_route(self) -> None:
        """To a second next hop, which happens to be the same machine."""
        self.line.router.ip(
            f"neighbour replace 198.18.1.3 lladdr {SERVER_MAC} dev s nud permanent",
            f"route replace {self.line.networks[0]}.0/24 via 198.18.1.3",
        )
