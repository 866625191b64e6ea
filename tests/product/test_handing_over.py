"""Two workers, one queue a port: whichever worker hangs, the kernel forwards; what is under way at the end arrives."""

import os
from collections.abc import Iterator

import pytest

from bise.bench import failover
from tests.namespaces import Port, Topology
from tests.product.router import Router, acquainted, again_if_late, routed, wait_until
from tests.product.test_ending import flow_without_a_gap
from tests.product.traces import traces

TWO_CORES = sorted(os.sched_getaffinity(0))[:2]
PORTS = (Port("c", 1), Port("s", 2))

pytestmark = [pytest.mark.root, pytest.mark.skipif(len(TWO_CORES) < 2, reason="one core only")]


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    with acquainted(PORTS) as topology:
        yield topology


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Two workers, to whom everything is spread."""
    file = tmp_path_factory.mktemp("spread") / "bise.toml"
    file.write_text('spread = "auto"\n')
    return ("--config", str(file), "--cores", ",".join(map(str, TWO_CORES)))


@again_if_late
def check(router: Router) -> None:
    assert router.answered() == 50


@pytest.mark.parametrize("mode", ["poll", "adaptive", "interrupt"])
def test_each_way_of_waiting(topology: Topology, options: tuple[str, ...], mode: str) -> None:
    before = traces(topology.router)
    with routed(topology, (*options, "--mode", mode)) as router:
        check(router)
        assert all(port["spread"] for port in router.bise.ask("ports"))
    assert traces(topology.router) == before


@pytest.mark.parametrize("core", TWO_CORES)
def test_whichever_worker_hangs_the_kernel_forwards(topology: Topology, options: tuple[str, ...], core: int) -> None:
    """It receives on one port and is handed flows of the other."""
    with routed(topology, options) as router:
        with flow_without_a_gap(topology), failover.hung(router.bise, f"worker-{core}"):
            wait_until("it is noticed", lambda: "hangs" in router.bise.log(), 5)
        wait_until("it comes round", lambda: "comes round again" in router.bise.log(), 5)
        check(router)


def test_ended_under_traffic(topology: Topology, options: tuple[str, ...]) -> None:
    before = traces(topology.router)
    with routed(topology, options) as router, flow_without_a_gap(topology):
        router.bise.signal(2)
        assert router.bise.process.wait(20) == 0
    assert traces(topology.router) == before
