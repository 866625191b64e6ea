"""Workers: two of them, each way of waiting, and Bises side by side."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket

import pytest

from bise.bench.running import RunningBise
from tests.namespaces import Port, Topology
from tests.product.router import Router, ping, routed, wait_until
from tests.product.traces import traces

pytestmark = pytest.mark.root

PORTS = (Port("c", 1, queues=2), Port("s", 2, queues=2))
FLOWS = 100
TWO_CORES = sorted(os.sched_getaffinity(0))[:2]


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    with Topology(PORTS, hosts="answering") as topology:
        yield topology


def idle(router: Router) -> tuple[float, float]:
    """The share of a core that the worker runs while nobody sends, and how often it goes to sleep in a second."""
    tasks = Path(f"/proc/{router.pid}/task").iterdir()
    (worker,) = (task for task in tasks if (task / "comm").read_text().startswith("worker-"))

    def spent() -> tuple[int, int, int]:
        (switches,) = (line for line in (worker / "status").read_text().splitlines() if line.startswith("voluntary"))
        return time.monotonic_ns(), int((worker / "schedstat").read_text().split()[0]), int(switches.split()[1])

    begun, ran, slept = spent()
    wait_until("a second has passed", lambda: time.monotonic_ns() > begun + 1_000_000_000)
    ended, ran_then, slept_then = spent()
    return (ran_then - ran) / (ended - begun), (slept_then - slept) * 1e9 / (ended - begun)


@pytest.mark.parametrize("mode", ["poll", "adaptive", "interrupt"])
def test_each_way_of_waiting(topology: Topology, mode: str) -> None:
    with routed(topology, ("--mode", mode)) as router:
        status = router.bise.ask("status")
        assert (status["mode"], status["notes"]) == (mode, [])
        assert router.answered() == 50
        share, sleeps = idle(router)
        if mode == "poll":
            assert sleeps < 20
        else:
            assert share < 0.1
            assert 20 < sleeps < 400  # 250 where it gets a core at once
        assert router.answered() == 50


def test_a_port_that_wakes_nobody_is_told_of(topology: Topology) -> None:
    with routed(topology, ("--mode", "interrupt", "--port", "memory:spare")) as router:
        (note,) = router.bise.ask("status")["notes"]
        assert "at spare;" in note
        assert router.answered() == 50


@pytest.mark.skipif(len(TWO_CORES) < 2, reason="one core only")
def test_two_workers_share_the_queues(topology: Topology) -> None:
    """Each flow has its queue, and each queue its worker."""
    with routed(topology, ("--cores", ",".join(map(str, TWO_CORES)))) as router:
        with router.natively("s", FLOWS), router.host("c").inside():
            for port in range(FLOWS):
                with socket(AF_INET, SOCK_DGRAM) as sender:
                    sender.sendto(b"one of many", (router.port("s").host4, 4000 + port))
            wait_until("they are through", lambda: router.sent("s") > FLOWS * 2 // 3)
        workers = router.bise.ask("status")["workers"]
        assert [worker["core"] for worker in workers] == TWO_CORES
        assert all(worker["packets"] > FLOWS // 10 for worker in workers), workers
        assert router.answered() == 50


def test_two_in_one_namespace(router: Router) -> None:
    """Each with its own ports."""
    before, own = traces(router.namespace), router.namespace
    own.ip("link add one type veth peer name one0", "link add two type veth peer name two0")
    own.ip(*(f"link set {name} up" for name in ("one", "one0", "two", "two0")))
    other = RunningBise(own, ["one", "two"], ("--name", f"{own.name}-2"))
    other.name = f"{own.name}-2"
    with other:
        assert {port["name"] for port in other.ask("ports")} == {"one", "two"}
        with router.natively("s", 20):
            assert ping(router.host("c"), router.port("s").host4, 20) == 20
        assert own.run_line("ip -br link show").count("bise-punt") == 2
    own.ip("link del one", "link del two")
    assert traces(own) == before


def test_two_in_two_namespaces(router: Router, topology: Topology) -> None:
    with routed(topology) as other:
        assert other.answered() == 50
        assert router.answered() == 50
