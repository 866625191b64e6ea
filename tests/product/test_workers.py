"""Workers: two of them, each way of waiting, and Bises side by side."""

import os
from collections.abc import Iterator
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


def check(router: Router) -> None:
    client = router.host("c")
    with router.natively("s", 50), router.natively("c", 50):
        ping(client, router.port("s").host4, 25)
        ping(client, router.port("s").host6, 25)


@pytest.mark.parametrize("mode", ["poll", "adaptive", "interrupt"])
def test_each_way_of_waiting(topology: Topology, mode: str) -> None:
    with routed(topology, ("--mode", mode)) as router:
        assert router.bise.ask("status")["mode"] == mode
        check(router)


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
        check(router)


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
            ping(router.host("c"), router.port("s").host4, 20)
        assert own.run_line("ip -br link show").count("bise-punt") == 2
    own.ip("link del one", "link del two")
    assert traces(own) == before


def test_two_in_two_namespaces(router: Router, topology: Topology) -> None:
    with routed(topology) as other:
        check(other)
        check(router)
