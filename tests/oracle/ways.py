"""The ways in which the oracle's other router may be forwarded for: its tests run in each, and know of none.

In every run, each test goes the two main ways: by the kernel, which tests the test, and by one worker. Besides, it goes
one of the other ways, drawn by chance: the cases of a test take turns, so that each run has something of everything,
and runs drawn by numbers in a row have everything.
"""

import os
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import pytest

from tests.namespaces import Port, Topology
from tests.oracle.forwarders import FOLLOWS_WITHIN_S, bise
from tests.oracle.network import network
from tests.oracle.pair import Pair
from tests.oracle.swaps import Swaps, passing


@dataclass(frozen=True)
class Way:
    """`workers` of Bise (none: the kernel), `queues` a port, of which packets may be `spread` over the workers; users'
    `nodes` in the graph, or coming and going."""

    name: str
    workers: int = 1
    queues: int = 1
    spread: bool = False
    nodes: bool = False
    swaps: bool = False

    def __str__(self) -> str:
        return self.name


KERNEL, ONE = Way("kernel", workers=0), Way("bise")
TWO_WORKERS = Way("two-workers", workers=2, queues=2)
HANDING_OVER = Way("handing-over", workers=2, spread=True)
NODES = Way("users-nodes", nodes=True)
SWAPS = Way("swaps", workers=2, spread=True, nodes=True, swaps=True)
MAIN, OTHERS = (KERNEL, ONE), (TWO_WORKERS, HANDING_OVER, NODES, SWAPS)
ALL = (*MAIN, *OTHERS)


def drawn() -> str:
    """Which of the others a test goes, as `goes` takes it."""
    return str(random.randrange(len(OTHERS)))


def goes(test: pytest.Item, wanted: str) -> bool:
    """Whether a test goes the way that it was made for. `wanted` is a number, or "all"."""
    case = getattr(test, "callspec", None)
    way = case.params.get("way") if case else None
    if not isinstance(way, Way):
        return True
    own = test.get_closest_marker("ways")
    if own is not None:
        return way in own.args
    return way in MAIN or wanted == "all" or OTHERS[(_turn(test, case) + int(wanted)) % len(OTHERS)] is way


def _turn(test: pytest.Item, case: Any) -> int:
    """The turn of a test's case: that of the case before it, and one."""
    name = test.name.partition("[")[0]
    return crc32(name.encode()) + sum(number for of, number in case.indices.items() if of != "way")


def nothing_resolved(ports: Sequence[Port]) -> dict[str, int | str]:
    """Sysctls that lose packets for unknown neighbours at once: silent hosts would let errors come seconds later."""
    return {f"net/{family}/neigh/{port.name}/mcast_solicit": 0 for port in ports for family in ("ipv4", "ipv6")}


@contextmanager
def paired(way: Way, ports: Collection[Port], lines: Sequence[str] = (), **topology: Any) -> Iterator[Pair]:
    """Two routers with `lines` of `ip`, of which the second is forwarded for in this way."""
    wide = [replace(port, queues=way.queues) for port in ports]
    with ExitStack() as stack:
        kernel, other = (stack.enter_context(network(Topology(wide, **topology))) for _ in range(2))
        for each in (kernel, other):
            if topology.get("hosts") != "answering":
                each.topology.router.sysctl(nothing_resolved(wide))
            each.topology.router.ip(*lines)
        if not way.workers:
            yield Pair(kernel, other)
            return
        file, folder = passing(), Path(stack.enter_context(TemporaryDirectory()))
        running = stack.enter_context(bise(other.topology, _options(way, file, folder)))
        swaps = stack.enter_context(Swaps(running.name, file)) if way.swaps else None
        yield Pair(kernel, other, settle_s=FOLLOWS_WITHIN_S, bise=running, swaps=swaps)


def _options(way: Way, file: Path, folder: Path) -> list[str]:
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[: way.workers]))
    options = ["--cores", cores, "--queues", str(way.queues)] if way.workers > 1 else []
    if way.spread:
        configuration = folder / "bise.toml"
        configuration.write_text('spread = "auto"\n')
        options += ["--config", str(configuration)]
    return [*options, "--node", str(file)] if way.nodes else options
