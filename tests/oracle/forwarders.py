"""Bise as the forwarder of a topology's router, on all of its ports."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bise.bench.running import RunningBise
from tests.namespaces import Topology

FOLLOWS_WITHIN_S = 0.1  # the promise: a change of Linux's configuration acts within 100 ms


@contextmanager
def bise(topology: Topology, options: Sequence[str] = ()) -> Iterator[RunningBise]:
    """Bise forwards for the router while the block runs."""
    with RunningBise(topology.router, [port.name for port in topology.ports], options) as running:
        yield running
