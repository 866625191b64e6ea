"""What a router between two vhost-user or memif ports forwards: Bise beside dpdk-testpmd in its place, in alternation.

Another testpmd is the machine at the far ends, generator and sink on one core (bench/machine.py). The one in Bise's
place is as it comes, which is with bursts of 32 packets, half of Bise's. memif between fast processes runs in one of
two rhythms for seconds at a time: the spread tells the range of all windows.
"""

import statistics
from collections.abc import Iterator
from typing import Any

from bise.bench.machine import MEMIF, PACKED, VHOST_USER, Rates, Wire, bise_forwards, testpmd_forwards
from bise.bench.topology import Cores
from bise.bench.veth import Road, two_cores

_WINDOWS, _WINDOW_S = 8, 0.25


def compare(wire: Wire, cores: Cores, rounds: int) -> tuple[Rates, Rates]:
    """Bise's windows and testpmd's."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        theirs += testpmd_forwards(wire, cores, _WINDOWS, _WINDOW_S).windows
        ours += bise_forwards(wire, cores, _WINDOWS, _WINDOW_S).windows
    return Rates(tuple(ours)), Rates(tuple(theirs))


def measure(rounds: int = 4, seconds: float = 2.0) -> Iterator[dict[str, Any]]:
    """`bise bench ports`."""
    from bise.bench.tables import row  # brings the compiler along, which the programs need not wait for

    cores = two_cores()
    with Road(cores) as road:
        kernel = statistics.median(road.capacity(seconds)[1].rate for _ in range(rounds))
    for wire in (VHOST_USER, PACKED, MEMIF):
        ours, theirs = compare(wire, cores, rounds)
        spread = (max(ours.windows) - min(ours.windows)) / ours.median
        yield row(f"{wire.name}; testpmd mac in our place", "packets/s", ours.median, theirs.median, spread)
        yield row(f"{wire.name}; the kernel between veths", "packets/s", ours.median, kernel, spread)
