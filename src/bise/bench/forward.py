"""Cycles a packet of forwarding: our pipeline against `dpdk-testpmd --forward-mode=mac`, alternating in one run.

Both read 64-octet packets from an in-memory source and send them to a null sink on one core, both lie on huge pages,
and both are measured in the same way: the time-stamp counter's rate over packets a second, in short windows. Of these
the lower decile counts, as others on the same machine only ever add to it. testpmd is as it comes, which is with bursts
of 32 packets, half of ours. Where in memory a program's packets and tables happen to lie makes a difference, too: all
is set up anew several times, and the median of the set-ups told; the spread is the range of their ratios.
"""

import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bise.bench.router import Router
from bise.bench.tables import row
from bise.bench.testpmd import forwarder
from bise.bench.traffic import Job
from bise.errors import BiseError
from bise.ports.dpdk import eal

JOBS = (Job(4, 10_000, 4096), Job(4, 1_000_000, 65_536), Job(6, 10_000, 4096), Job(6, 200_000, 65_536))
_WINDOWS, _WINDOW_S = 12, 0.05
_PACKET_OCTETS = 2688  # a packet of the pool, at most
_PROGRAMS = 3
_TABLES = 448 << 20  # what our own tables take


class TooFewHugePages(BiseError):
    """The measurement would compare kinds of memory."""


def packets_for(job: Job) -> int:
    """The size of each packet pool: the source keeps the whole capture in it."""
    return (1 << (job.destinations + 24_000).bit_length()) - 1


def check_huge_pages(jobs: tuple[Job, ...]) -> None:
    """Raises TooFewHugePages."""
    pools = max(map(packets_for, jobs)) * _PACKET_OCTETS + eal.ROOM_ON_HUGE_PAGES
    needed, free = _PROGRAMS * pools + _TABLES, eal.huge_pages_free()
    if free < needed:
        pages = -(-needed // (2 << 20))
        raise TooFewHugePages(
            f"this needs {needed >> 20} MiB of free huge pages, and {free >> 20} are: sysctl vm.nr_hugepages={pages}"
        )


@dataclass(frozen=True)
class Round:
    """Cycles a packet by window: of ours, of testpmd's `mac`, and of its `io`, what source and sink cost."""

    ours: Sequence[float]
    mac: Sequence[float]
    io: Sequence[float]


def compare(job: Job, rounds: int, core: int) -> Iterator[Round]:
    """The three in alternation."""
    others = sorted(os.sched_getaffinity(0) - {core}) or [core]
    packets = packets_for(job)
    with tempfile.TemporaryDirectory() as folder:
        path, prefixes = Path(folder) / "in.pcap", job.prefixes()
        job.capture(prefixes, path)
        with (
            contextlib.closing(Router(job, prefixes, path, [core], packets)) as router,
            forwarder(path, "mac", others[0], core, True, packets) as mac,
            forwarder(path, "io", others[0], core, True, packets) as io,
        ):
            for _ in range(rounds):
                ours = router.measure(_WINDOWS, _WINDOW_S)
                yield Round(ours, *(one.measure(_WINDOWS, _WINDOW_S).cycles for one in (mac, io)))
            if router.strays():
                raise BiseError(f"{router.strays()} packets were not forwarded")


def decile(windows: Iterable[Sequence[float]]) -> float:
    """The lower one of all windows."""
    return statistics.quantiles([one for several in windows for one in several], n=10)[0]


def costs(rounds: Sequence[Round]) -> tuple[float, float, float]:
    """Cycles a packet in one set-up: ours, testpmd's `mac`, its `io`."""
    ours, mac, io = zip(*((one.ours, one.mac, one.io) for one in rounds), strict=True)
    return decile(ours), decile(mac), decile(io)


def measure(set_ups: int = 5, rounds: int = 3, jobs: tuple[Job, ...] = JOBS) -> Iterator[dict[str, Any]]:
    """`bise bench forward`."""
    check_huge_pages(jobs)
    core = max(os.sched_getaffinity(0))
    eal.start("bench", [core])
    for job in jobs:
        found = [costs(list(compare(job, rounds, core))) for _ in range(set_ups)]
        ours, mac, io = (statistics.median(column) for column in zip(*found, strict=True))
        ratios = [mine / theirs for mine, theirs, _ in found]
        yield row(f"{job.name}; testpmd mac", "cycles", ours, mac, (max(ratios) - min(ratios)) / (ours / mac))
        yield row(f"{job.name}; testpmd io alone", "cycles", io)
