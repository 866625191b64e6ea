"""Cycles a packet of forwarding: our pipeline against `dpdk-testpmd --forward-mode=mac`, alternating in one run.

Both read 64-octet packets from an in-memory source and send them to a null sink on one core, both lie on huge pages,
and both are measured in the same way: the time-stamp counter's rate over packets a second.
"""

import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bise.bench.router import Router
from bise.bench.tables import row
from bise.bench.testpmd import forwarder
from bise.bench.traffic import Job
from bise.errors import BiseError
from bise.ports.dpdk import eal

JOBS = (Job(4, 10_000, 4096), Job(4, 1_000_000, 65_536), Job(6, 10_000, 4096), Job(6, 200_000, 65_536))
_WINDOWS, _WINDOW_S = 4, 0.25
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


def compare(job: Job, rounds: int, core: int) -> Iterator[tuple[float, float, float]]:
    """Alternates: cycles a packet of ours, of testpmd's `mac` and of its `io` (what source and sink cost), by round."""
    others = sorted(os.sched_getaffinity(0) - {core}) or [core]
    packets = packets_for(job)
    with tempfile.TemporaryDirectory() as folder:
        path, prefixes = Path(folder) / "in.pcap", job.prefixes()
        job.capture(prefixes, path)
        with (
            contextlib.closing(Router(job, prefixes, path, core, packets)) as router,
            forwarder(path, "mac", others[0], core, True, packets) as yardstick,
            forwarder(path, "io", others[0], core, True, packets) as bare,
        ):
            for _ in range(rounds):
                ours = min(router.measure(_WINDOWS, _WINDOW_S))
                mac, io = (one.measure(_WINDOWS, _WINDOW_S).minimum for one in (yardstick, bare))
                yield ours, mac, io
            if router.strays():
                raise BiseError(f"{router.strays()} packets were not forwarded")


def measure(rounds: int = 6, jobs: tuple[Job, ...] = JOBS) -> Iterator[dict[str, Any]]:
    """`bise bench forward`: the quietest windows, and how far the rounds' ratios lie apart."""
    check_huge_pages(jobs)
    core = max(os.sched_getaffinity(0))
    eal.start("bench", [core])
    for job in jobs:
        ours, mac, io = (list(column) for column in zip(*compare(job, rounds, core), strict=True))
        ratios = [mine / theirs for mine, theirs in zip(ours, mac, strict=True)]
        spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
        yield row(f"{job.name}; testpmd mac", "cycles", min(ours), min(mac), spread)
        yield row(f"{job.name}; testpmd io alone", "cycles", min(io))
