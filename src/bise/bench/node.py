"""Cycles a packet that a node of the user's adds to forwarding: one that does nothing, and one that counts.

The same packets, tables and worker forward by the pipeline with the node and by the one without, in alternation, in
short windows of which only the time counts that the worker had its core. Of these the lower decile is taken, as others
on the same machine only ever add to it; the spread is the range of the rounds' differences, as a share of forwarding
without a node. Where a pipeline's code happens to lie makes a cycle or two, too.
"""

import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bise.bench.forward import decile, packets_for
from bise.bench.nodes import declared
from bise.bench.router import DRIVERS, PARTS, Router
from bise.bench.tables import row
from bise.bench.traffic import Job
from bise.engine.graph import Graph
from bise.engine.graph import build as build_graph
from bise.engine.nodefile import NodeFile
from bise.engine.pipeline import build
from bise.errors import BiseError
from bise.hot import Region
from bise.ports.dpdk import eal

JOB = Job(4, 10_000, 4096)
_WINDOWS, _WINDOW_S = 12, 0.03
_STATE = 64  # octets: more than any node's here
NODES = {"does nothing": "nothing", "counts": "count"}  # files by what they do


def graphs(files: dict[str, NodeFile]) -> dict[str, Graph]:
    """By what the node does; "": without one."""
    parts = {"": PARTS} | {what: (*PARTS, file.part) for what, file in files.items()}
    return {what: build_graph("ethernet.input", chosen) for what, chosen in parts.items()}


def compare(job: Job, rounds: int, core: int) -> Iterator[dict[str, float]]:
    """Cycles a packet by pipeline, in alternation."""
    with tempfile.TemporaryDirectory() as folder:
        path, prefixes = Path(folder) / "in.pcap", job.prefixes()
        job.capture(prefixes, path)
        files = {what: declared(name) for what, name in NODES.items()}
        memory = Region(_STATE, huge_pages=False)
        records = {f"{kind.__module__}.{kind.__qualname__}" for file in files.values() for kind in file.states}
        with contextlib.closing(Router(job, prefixes, path, [core], packets_for(job))) as router:
            router.further_states = dict.fromkeys(records, memory.address)
            found = {what: build(graph, DRIVERS) for what, graph in graphs(files).items()}
            for _ in range(rounds):
                windows = {what: router.measure_thread(one, _WINDOWS, _WINDOW_S) for what, one in found.items()}
                yield {what: decile([several]) for what, several in windows.items()}
            if router.strays():
                raise BiseError(f"{router.strays()} packets were not forwarded")
        memory.close()


def measure(rounds: int = 15) -> Iterator[dict[str, Any]]:
    """`bise bench node`: what is added, in cycles; beside it what forwarding costs without a node."""
    core = max(os.sched_getaffinity(0))
    eal.start("bench", [core])
    found = list(compare(JOB, rounds, core))
    without = statistics.median(one[""] for one in found)
    for what in NODES:
        added = [one[what] - one[""] for one in found]
        spread = (max(added) - min(added)) / without
        yield row(f"a node that {what}: added", "cycles", statistics.median(added), without, spread)
