"""What is shown between two veth pairs: who forwards how much, and what is lost when things change.

What changes cost is measured at a rate far below what the router can do, so that what is lost is lost to the change, or
to the machine: what it loses when nothing changes is shown first.
"""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import Sample, Span, between
from bise.bench.running import RunningBise
from bise.bench.topology import SERVER_MAC
from bise.bench.veth import Road

_STEADY = 0.1  # of the kernel's rate
_NICE = -5  # of the generator at that rate: what happens on its core has to get on, too
_LEAST = 10_000.0
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
    """Tells itself on `road`; `told` gets each step that is over, `begun` the name of the one that begins."""

    road: Road
    seconds: float
    begun: Callable[[str], None]
    told: Callable[[Step], None]

    def tell(self) -> Iterator[Step]:
        """Each step, as it ends."""
        line = self.road.line
        self._compile()
        kernel = self._rate("the kernel forwards", "kernel")
        yield kernel
        line.kernel_forwards(first=True)
        steady = max(_LEAST, _STEADY * kernel.packets_per_second)
        with self.road.traffic(steady, _NICE):
            yield self._change("nothing changes", "kernel", lambda: None)
            bise, step = self._start("Bise starts")
            yield step
        try:
            yield from self._with_bise(bise, steady)
            bise.kill()
            with self.road.traffic(steady, _NICE):
                bise, step = self._start("Bise starts again")
                yield step
                yield self._change("Bise is stopped (Ctrl-C)", "Bise, then kernel", bise.stop)
        finally:
            bise.kill()

    def _compile(self) -> None:
        """What is compiled before there is traffic isn't compiled on the cores that traffic needs."""
        self.begun("Bise is compiled, the first time only")
        with self.road.bise():
            pass

    def _with_bise(self, bise: RunningBise, steady: float) -> Iterator[Step]:
        line = self.road.line
        with heaviest(bise.process.pid):
            line.worker_forwards()
            yield self._rate("Bise forwards", "Bise")
            line.kernel_forwards(first=True)
            with self.road.traffic(steady, _NICE):
                yield self._change("a route changes", "Bise", self._move_a_route)
                yield self._change("Bise is killed (SIGKILL)", "Bise, then kernel", lambda: bise.signal(signal.SIGKILL))

    def _rate(self, name: str, forwarder: str) -> Step:
        self.begun(name)
        before, span = self.road.capacity(self.seconds)
        step = Step(name, forwarder, before.moment, before.moment + span.seconds, span.rate)
        self.told(step)
        return step

    def _start(self, name: str) -> tuple[RunningBise, Step]:
        """Bise takes over under traffic."""
        before = self._begin(name)
        bise = self.road.bise()
        try:
            bise.wait_until_forwarding()
            self.road.meter.pass_time(_SETTLE_S)
        except BaseException:
            bise.kill()
            raise
        return bise, self._end(name, "kernel, then Bise", before)

    def _change(self, name: str, forwarder: str, change: Callable[[], None]) -> Step:
        """Something changes under traffic."""
        before = self._begin(name)
        change()
        self.road.meter.pass_time(max(1.0, self.seconds / 2))
        return self._end(name, forwarder, before)

    def _begin(self, name: str) -> Sample:
        self.begun(name)
        self.road.sink.forget_gap()
        return self.road.meter.now()

    def _end(self, name: str, forwarder: str, before: Sample) -> Step:
        span: Span = between(before, self.road.meter.now())
        gap = self.road.sink.arrived.longest_gap_ns
        step = Step(name, forwarder, before.moment, before.moment + span.seconds, span.rate, span.lost, gap)
        self.told(step)
        return step

    def _move_a_route(self) -> None:
        """To a second next hop, which happens to be the same machine."""
        self.road.line.router.ip(
            f"neighbour replace 198.18.1.3 lladdr {SERVER_MAC} dev s nud permanent",
            f"route replace {self.road.line.networks[0]}.0/24 via 198.18.1.3",
        )
