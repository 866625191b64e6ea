"""However Bise ends, the kernel forwards on, and nothing of it is left."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bise.bench import failover
from bise.bench.running import RunningBise
from tests.namespaces import Port, Topology
from tests.product.router import Router, acquainted, ping, routed, wait_until
from tests.product.traces import traces

pytestmark = pytest.mark.root

PORTS = (Port("c", 1), Port("s", 2))
NAMES = [port.name for port in PORTS]
PERIOD_S = 0.002  # between two packets of a test
LEAST_S = 0.1  # a tenth of a second's packets may be lost on a busy machine; benches measure how few are


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    with acquainted(PORTS) as topology:
        yield topology


@pytest.fixture
def nothing_stays(topology: Topology) -> Iterator[None]:
    before = traces(topology.router)
    yield
    assert traces(topology.router) == before


class Flow:
    """Packets from the client, answered by the server, while the block runs."""

    def __init__(self, topology: Topology) -> None:
        words = ("ping", "-n", "-i", str(PERIOD_S), "-W", "1", "10.0.2.2")
        self._process = topology.hosts["c"].start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def lost(self) -> int:
        """Ends it; how many packets were never answered."""
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=10)
        found = re.search(rb"(\d+) packets transmitted, (\d+) received", said)
        assert found, said
        assert int(found[1]) > 0.1 / PERIOD_S, "too few to say anything"
        return int(found[1]) - int(found[2])


@contextmanager
def flow_without_a_gap(topology: Topology) -> Iterator[None]:
    flow = Flow(topology)
    try:
        time.sleep(0.1)
        yield
        time.sleep(0.2)
    finally:
        lost = flow.lost()
    assert lost < LEAST_S / PERIOD_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(topology: Topology, nothing_stays: None, number: int) -> None:
    with routed(topology) as router, flow_without_a_gap(topology):
        with router.natively("s", 20):
            assert ping(router.host("c"), "10.0.2.2", 20) == 20
        router.bise.signal(number)
        assert router.bise.process.wait(20) == 0


def test_killed_under_traffic(topology: Topology, nothing_stays: None) -> None:
    with routed(topology) as router, flow_without_a_gap(topology):
        router.bise.process.kill()
        router.bise.process.wait()
        assert "xdp" not in topology.router.run_line("ip link show")
        # What a killed process can't take away is the file of its control socket: the next one does.
    with routed(topology):
        pass


def test_told_to_stop_before_it_forwards(topology: Topology, nothing_stays: None) -> None:
    begun = RunningBise(topology.router, NAMES)
    wait_until("it compiles", lambda: (begun.ask("status") or {}).get("state") == "compiling", 60)
    begun.signal(signal.SIGINT)
    assert begun.process.wait(20) == 0
    assert "forwarding" not in begun.log()


def test_an_interface_that_goes_and_comes_while_it_starts(topology: Topology, nothing_stays: None) -> None:
    begun = RunningBise(topology.router, NAMES)
    wait_until("it compiles", lambda: (begun.ask("status") or {}).get("state") == "compiling", 60)
    topology.router.ip(f"link set dev s netns {topology.hosts['s'].name} name away")
    topology.hosts["s"].ip(f"link set dev away netns {topology.router.name} name s")
    topology.router.ip(
        "link set dev s up",
        "address add 10.0.2.1/24 dev s",
        "address add 2001:db8:2::1/64 dev s nodad",
        *PORTS[1].routes,
    )
    with begun:
        router = Router(topology, begun)
        router.meet_hosts()
        wait_until("the port is back", lambda: router.state("s")["state"] == "up")
        router.meet_hosts()  # who was known there before is not any more
        with router.natively("s", 20):
            assert ping(router.host("c"), "10.0.2.2", 20) == 20


def moments(topology: Topology, begun: RunningBise) -> Iterator[Callable[[], object]]:
    """What comes about while it starts, in this order."""
    yield Path(f"/run/bise/{begun.name}.sock").exists
    yield lambda: "bise" in topology.router.run_line("ip -br link show")
    yield lambda: "xdp" in topology.router.run_line("ip link show")
    yield lambda: (begun.ask("status") or {}).get("state") == "forwarding"


def test_killed_while_it_starts(topology: Topology, nothing_stays: None) -> None:
    before = traces(topology.router)
    with flow_without_a_gap(topology):
        for number in range(4):
            begun = RunningBise(topology.router, NAMES)
            wait_until(f"moment {number} of its start", list(moments(topology, begun))[number], 60)
            begun.kill()
            after = traces(topology.router)
            assert after | {"sockets": before["sockets"]} == before
    with routed(topology) as router, router.natively("s", 20):
        assert ping(router.host("c"), "10.0.2.2", 20) == 20


def test_stopped_under_traffic_it_goes_on_where_it_was(topology: Topology, nothing_stays: None) -> None:
    with routed(topology) as router:
        with flow_without_a_gap(topology):
            router.bise.signal(signal.SIGSTOP)
            time.sleep(0.5)
            assert ping(router.host("c"), "10.0.2.2", 50) == 50
        router.bise.signal(signal.SIGCONT)
        wait_until("it answers", lambda: router.bise.ask("status")["state"] == "forwarding")
        assert router.counters("c")["steering"]["late"] > 50
        with router.natively("s", 50):
            assert ping(router.host("c"), "10.0.2.2", 50) == 50


def test_a_hung_worker_is_noticed_and_comes_round_again(topology: Topology, nothing_stays: None) -> None:
    with routed(topology) as router:
        with flow_without_a_gap(topology), failover.hung(router.bise):
            wait_until("it is noticed", lambda: "hangs" in router.bise.log(), 5)
        wait_until("it comes round", lambda: "comes round again" in router.bise.log(), 5)
        with router.natively("s", 20):
            assert ping(router.host("c"), "10.0.2.2", 20) == 20


def test_a_worker_that_hangs_for_good_ends_it_with_an_error(topology: Topology) -> None:
    before = traces(topology.router)
    with routed(topology) as router, flow_without_a_gap(topology), failover.hung(router.bise):
        assert router.bise.process.wait(30) == 1
        assert "doesn't end" in router.bise.log()
        assert traces(topology.router) | {"sockets": before["sockets"]} == before
    with routed(topology):
        pass
    assert traces(topology.router) == before


def test_nobody_confirms(topology: Topology, nothing_stays: None) -> None:
    with routed(topology, ("--confirm", "1")) as router, flow_without_a_gap(topology):
        assert router.bise.ask("status")["confirm_deadline_ns"] is not None
        assert router.bise.process.wait(10) == 0
        assert "nobody confirmed" in router.bise.log()


def test_somebody_confirms(topology: Topology, nothing_stays: None) -> None:
    with routed(topology, ("--confirm", "2")) as router:
        assert "confirmed" in router.says("confirm")
        assert router.bise.ask("status")["confirm_deadline_ns"] is None
        time.sleep(2.2)  # longer than it would have waited
        assert router.bise.is_forwarding()
