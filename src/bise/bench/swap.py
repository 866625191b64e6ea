"""What changes cost under traffic: pipelines swapped by adding and removing a node, and routes moved between two next
hops, at half the rate that Bise forwards. Beside it what the machine loses in the same time when nothing changes.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import between
from bise.bench.nodes import path_of
from bise.bench.running import PROGRAM, RunningBise
from bise.bench.topology import SERVER_MAC
from bise.bench.veth import Road, two_cores

_HOPS = ("198.18.1.2", "198.18.1.3")  # the same machine twice
_SETTLE_S = 2.0
_NICE = 10  # of the generator: pipelines are compiled on its core


class Changes:
    """Makes changes to what `bise` runs on `road`."""

    def __init__(self, road: Road, bise: RunningBise) -> None:
        self._road, self._bise, self._made = road, bise, 0
        self._place = road.line.router
        self._place.ip(f"neighbour replace {_HOPS[1]} lladdr {SERVER_MAC} dev s nud permanent")

    def swap(self) -> None:
        """Another pipeline: with the node, or without it again."""
        words = ("remove", "count") if self._made % 2 else ("add", str(path_of("count")))
        self._made += 1
        self._place.run(PROGRAM, "node", *words, "--name", self._bise.name)

    def move_routes(self, count: int) -> None:
        """So many changes of routes."""
        networks = self._road.line.networks
        lines = [
            f"route replace {networks[number % len(networks)]}.0/24 via {_HOPS[number // len(networks) % 2]}"
            for number in range(count)
        ]
        self._place.ip(*lines)


def resident(process: int) -> float:
    """MiB of a process that lie in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def lost_while(road: Road, seconds: float) -> int:
    """Packets lost in this time when nothing changes."""
    before = road.meter.now()
    road.meter.pass_time(seconds)
    return between(before, road.meter.now()).lost


def measure(swaps: int = 100, routes: int = 10_000) -> Iterator[dict[str, Any]]:
    """`bise bench swap`; about three minutes."""
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    with (
        Road(two_cores()) as road,
        road.bise() as bise,
        heaviest(bise.process.pid),
    ):
        road.line.worker_forwards()
        rate = road.capacity(1.0)[1].rate / 2
        changes = Changes(road, bise)
        changes.swap()  # what is compiled and loaded once is not what a swap costs
        changes.swap()
        memory = resident(bise.process.pid)
        with road.traffic(rate, _NICE):
            before, begun = road.meter.now(), time.monotonic()
            for _ in range(swaps):
                changes.swap()
                changes.move_routes(routes // swaps)
            took = time.monotonic() - begun
            lost = between(before, road.meter.now()).lost
            alone = lost_while(road, took)
        time.sleep(_SETTLE_S)
        grown = resident(bise.process.pid) - memory
    yield row(f"{swaps} pipelines, {routes} routes changed: lost", "packets", lost, alone or None)
    yield row(f"{swaps} pipelines, {routes} routes changed: grown by", "MiB", grown)
    yield row("a pipeline swapped, and the routes", "s", took / swaps)
