"""A router with a million routes: until it forwards with all of them, its memory, and how fast it follows changes.

Beside it is the time that the kernel takes for the same: for the start, lines of `ip -batch`; for changes, messages
made beforehand. Where there are two cores only, one forwards, and these share the other: who changes the routes (a few
microseconds of the kernel's a change), the thread of Bise that follows them (which comes first), what arrives of the
traffic, and its generator, which spins between packets and takes a tenth of what the others leave.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bise.bench import prefixes
from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import between
from bise.bench.route_writer import RouteWriter, body
from bise.bench.running import NotForwarding, RunningBise
from bise.bench.topology import SERVER_MAC, Cores
from bise.bench.veth import Road, two_cores
from bise.control.objects import address_text

ROUTES, CHANGES = 1_000_000, 100_000
NEIGHBOURS = 20
_TAKEN = (0, 20, 127, 198)  # first octets that the line itself uses, or that are Linux's own
_RATE = 5_000.0  # light: what is lost was lost to the changes
_NICE = 10  # of the generator, which has its core to itself otherwise
_PATIENCE_S, _POLL_S, _SETTLE_S = 120.0, 0.01, 0.5


@dataclass(frozen=True)
class Told:
    """How one lot of changes went: seconds until Linux had them all, until the table did, and of a core for that;
    packets lost meanwhile."""

    linux_s: float
    table_s: float
    processor_s: float
    lost: int


def networks(count: int, seed: int = 1) -> list[str]:
    """So many different prefixes of the lengths of the Internet's table, in no order."""
    chance = np.random.default_rng(seed)
    drawn = prefixes.ipv4(count + count // 4 + 100, chance)
    free = np.flatnonzero(~np.isin(drawn.highs >> np.uint64(56), _TAKEN))
    chosen = chance.permutation(free)[:count]
    rows = zip((drawn.highs[chosen] >> np.uint64(32)).tolist(), drawn.lengths[chosen].tolist(), strict=True)
    return [f"{address_text(4, address)}/{length}" for address, length in rows]


def neighbour(number: int) -> str:
    """The address of one of those behind which the networks are."""
    return f"198.18.1.{10 + number % NEIGHBOURS}"


def lines(of: list[str]) -> list[str]:
    """Words of `ip` that add the networks."""
    return [f"route add {network} via {neighbour(number)}" for number, network in enumerate(of)]


def bodies(of: list[str], shift: int) -> list[bytes]:
    """Of messages for the same; another `shift` has each network behind another neighbour."""
    return [body(network, neighbour(number + shift)) for number, network in enumerate(of)]


@contextmanager
def beside(cores: Cores) -> Iterator[None]:
    """What is started inside doesn't take the core that forwards, and if there is a third, no core of the line."""
    before = os.sched_getaffinity(0)
    others = before - {cores.forwarding, cores.traffic}
    os.sched_setaffinity(0, others or {cores.traffic})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Table:
    """The routes of the bench in the router of a road: `old` are there from the start, `new` come and go."""

    def __init__(self, road: Road, routes: int, changes: int) -> None:
        found = networks(routes + changes // 2)
        self.old, self.new = found[:routes], found[routes:]
        self.replaced = self.old[: changes - len(self.new)]
        self.changes = len(self.replaced) + len(self.new)
        self.road, self.router = road, road.line.router

    def fill(self) -> float:
        """The seconds that Linux takes for the old routes, by `ip`."""
        known = (f"neighbour add {neighbour(n)} lladdr {SERVER_MAC} dev s nud permanent" for n in range(NEIGHBOURS))
        self.router.ip(*known)
        batch = lines(self.old)
        return self._timed(lambda: self.router.ip(*batch))

    def change(self, shift: int, bise: RunningBise | None) -> Told:
        """Each change once, under light traffic to other networks; what is new is taken away again behind the clock."""
        new = bodies(self.new, shift)
        batch = bodies(self.replaced, shift) + new
        wanted = native(bise) + len(self.new) if bise else 0
        with RouteWriter(self.router) as writer:
            with self.road.traffic(_RATE, _NICE):
                before, begun, used = self.road.meter.now(), time.monotonic(), processor_s(bise)
                linux_s = self._timed(lambda: writer.put(batch))
                if bise:
                    wait_for(bise, wanted)
                table_s, used = time.monotonic() - begun, processor_s(bise) - used
                self.road.meter.pass_time(_SETTLE_S)
                lost = between(before, self.road.meter.now()).lost
            writer.delete(new)
        return Told(linux_s, table_s, used, lost)

    def _timed(self, write: Callable[[], None]) -> float:
        with beside(self.road.line.cores):
            begun = time.monotonic()
            write()
            return time.monotonic() - begun


def native(bise: RunningBise) -> int:
    """How many IPv4 routes are in the fast path's table, whoever follows them."""
    status = bise.ask("status")
    return sum(status["native"]["IPv4 routes"].values()) if status else 0


def wait_for(bise: RunningBise, routes: int) -> None:
    """Until the table has so many. Raises NotForwarding."""
    deadline = time.monotonic() + _PATIENCE_S
    while native(bise) != routes:
        if time.monotonic() > deadline or bise.process.poll() is not None:
            raise NotForwarding(f"{native(bise)} routes of {routes} in the table:\n{bise.log()}")
        time.sleep(_POLL_S)


def processor_s(bise: RunningBise | None) -> float:
    """Seconds of a core that its first thread, which follows Linux, has used."""
    if bise is None:
        return 0.0
    words = Path(f"/proc/{bise.process.pid}/task/{bise.process.pid}/schedstat").read_text().split()
    return int(words[0]) / 1e9


def peak_mib(bise: RunningBise) -> float:
    """The most memory that it has had (VmHWM)."""
    words = Path(f"/proc/{bise.process.pid}/status").read_text().split("VmHWM:")[1].split()
    return int(words[0]) / 1024


def measure(routes: int = ROUTES, changes: int = CHANGES) -> Iterator[dict[str, Any]]:
    """`bise bench mirror`: one run of each, for they take long."""
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    with Road(two_cores()) as road:
        with road.bise():
            pass  # everything is compiled from now on
        table = Table(road, routes, changes)
        filled_s = table.fill()
        road.line.kernel_forwards(first=True)
        kernel = table.change(1, None)
        begun = time.monotonic()
        with road.bise() as bise, heaviest(bise.process.pid):
            started_s = time.monotonic() - begun
            road.line.worker_forwards()
            ours = table.change(2, bise)
            peak = peak_mib(bise)
    count = table.changes
    yield row(f"{routes} routes: start to forwarding", "s", started_s, filled_s)
    yield row(f"{routes} routes: memory", "MiB", peak)
    yield row("changes in the table", "/s", count / ours.table_s, count / kernel.linux_s)
    yield row("changes, if a core were its own", "/s", count / ours.processor_s)
    yield row("lost on unchanged routes", "packets", ours.lost, kernel.lost or None)
