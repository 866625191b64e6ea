"""Each test of the oracle runs with the kernel on both sides, which tests the test, and with Bise, which tests Bise."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.namespaces import Port, Topology
from tests.oracle.forwarders import FOLLOWS_WITHIN_S, bise, bise_exists
from tests.oracle.network import network
from tests.oracle.pair import Pair
from tests.oracle.routes import STANDARD

# Different everywhere, so that each crossing of the router has an MTU edge.
PORTS = (Port("c", 1, mtu=2000), Port("s", 2, mtu=1500), Port("t", 3, mtu=1400))
JUMBO_PORTS = (Port("c", 1, mtu=9000), Port("s", 2, mtu=9000), Port("t", 3, mtu=1500))
WIDE_PORTS = (Port("c", 1, mtu=2000, queues=2), Port("s", 2, queues=2), Port("t", 3, mtu=1400, queues=2))

FORWARDERS = [
    "kernel",
    pytest.param("bise", marks=pytest.mark.skipif(not bise_exists(), reason="there is no bise.daemon yet")),
]


def nothing_resolved(ports: Sequence[Port]) -> dict[str, int | str]:
    """Sysctls that lose packets for unknown neighbours at once: silent hosts would let errors come seconds later."""
    return {f"net/{family}/neigh/{port.name}/mcast_solicit": 0 for port in ports for family in ("ipv4", "ipv6")}


@contextmanager
def paired(
    forwarder: str, ports: Sequence[Port], lines: Sequence[str] = (), options: Sequence[str] = (), **topology: Any
) -> Iterator[Pair]:
    """Two routers with `lines` of `ip`; `forwarder` forwards for the second one, if Bise with these `options`."""
    with ExitStack() as stack:
        kernel, other = (stack.enter_context(network(Topology(ports, **topology))) for _ in range(2))
        for each in (kernel, other):
            if topology.get("hosts") != "answering":
                each.topology.router.sysctl(nothing_resolved(ports))
            each.topology.router.ip(*lines)
        if forwarder == "kernel":
            yield Pair(kernel, other)
        else:
            running = stack.enter_context(bise(other.topology, options))
            yield Pair(kernel, other, settle_s=FOLLOWS_WITHIN_S, bise=running)


@pytest.fixture(scope="session", autouse=True)
def errors_at_any_rate() -> Iterator[None]:
    """Unreachable destinations are told as often as they are asked for: this limit knows no namespaces."""
    limit = Path("/proc/sys/net/ipv4/route/error_cost")
    before = limit.read_text()
    limit.write_text("0")
    yield
    limit.write_text(before)


@pytest.fixture(scope="session", params=FORWARDERS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Three ports, silent hosts, the standard routes."""
    with paired(request.param, PORTS, STANDARD) as two:
        yield two


@pytest.fixture(scope="session", params=FORWARDERS)
def jumbo_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Ports with an MTU of 9000."""
    with paired(request.param, JUMBO_PORTS) as two:
        yield two


@pytest.fixture(scope="session", params=FORWARDERS)
def living_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Hosts that are ordinary Linux hosts: they resolve, and are resolved."""
    with paired(request.param, PORTS, hosts="answering") as two:
        yield two


@pytest.fixture(scope="session", params=FORWARDERS)
def narrow_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One queue a port, and two workers, to whom everything is spread."""
    file = tmp_path_factory.mktemp("spread") / "bise.toml"
    file.write_text('spread = "auto"\n')
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
    with paired(request.param, PORTS, STANDARD, ("--config", str(file), "--cores", cores)) as two:
        yield two


@pytest.fixture(scope="session", params=FORWARDERS)
def wide_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two queues a port, and two workers."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
    options = ("--cores", cores, "--queues", "2")
    with paired(request.param, WIDE_PORTS, STANDARD, options) as two:
        yield two
