"""`bise run --replace`: one Bise after the other on the same interfaces, without a packet lost."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bise.bench import failover
from bise.bench.running import RunningBise
from bise.ports.punt import tap_names
from tests.namespaces import Port, Topology
from tests.product.router import BISE, Router, acquainted, ping, routed, wait_until
from tests.product.stream import Stream
from tests.product.test_service import told
from tests.product.traces import traces

pytestmark = pytest.mark.root

PORTS = (Port("c", 1, queues=2), Port("s", 2, queues=2))
NAMES = [port.name for port in PORTS]
STARTED: list[RunningBise] = []
ATTEMPTS = 3  # a host that takes the machine away for long makes its network lose packets whoever forwards


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    with acquainted(PORTS) as topology:
        yield topology


@pytest.fixture
def nothing_stays(topology: Topology) -> Iterator[None]:
    before = traces(topology.router), files(topology)
    yield
    end_successors()
    assert (traces(topology.router), files(topology)) == before


def files(topology: Topology) -> list[Path]:
    """What has the instance's name where DPDK and control sockets have files."""
    folders = (Path("/run/bise"), Path("/run/dpdk"), Path("/dev/hugepages"))
    return [path for folder in folders for path in folder.glob(f"*{topology.router.name}*")]


def end_successors() -> None:
    while STARTED:
        one = STARTED.pop()
        if one.process.poll() is None:
            one.stop()


def successor(topology: Topology, *options: str, ports: Sequence[str] = NAMES) -> RunningBise:
    fresh = RunningBise(topology.router, ports, ("--replace", "--memory", "64M", *options))
    STARTED.append(fresh)
    return fresh


def replaced(router: Router, *options: str) -> Router:
    """Who forwards when `router` has ended."""
    fresh = successor(router.topology, *options)
    assert router.bise.process.wait(120) == 0, router.bise.log()
    wait_until("it forwards", fresh.is_forwarding, 120)
    return Router(router.topology, fresh)


@contextmanager
def first(topology: Topology, *options: str) -> Iterator[Router]:
    with routed(topology, ("--memory", "64M", *options)) as router:
        yield router


def lost_while(router: Router, event: Callable[[], object]) -> int:
    with Stream(router, "c", "s", 7000) as stream:
        stream.further(100)
        event()
        stream.further(300)
    return stream.lost


@pytest.mark.parametrize("cores", [1, 2])
def test_nothing_is_lost(topology: Topology, nothing_stays: None, cores: int) -> None:
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    if len(allowed) < cores:
        pytest.skip("one core only")
    words = ("--cores", ",".join(map(str, allowed)))
    with first(topology, *words) as router:
        running = [router]

        def replace() -> None:
            running.append(replaced(running[-1], *words))

        losses = []
        while not losses or (losses[-1] and len(losses) < ATTEMPTS):
            losses.append(lost_while(router, replace))
        assert losses[-1] == 0, losses
        assert running[-1].answered() == 50
        assert len(running[-1].bise.ask("status")["workers"]) == cores


def test_one_after_the_other_leaves_one_of_everything(topology: Topology, nothing_stays: None) -> None:
    with first(topology) as router:
        second = replaced(router)
        third = replaced(second)
        assert topology.router.run_line("ip -br link show").count("bise-punt") == 1
        assert third.pid == third.bise.process.pid
        assert third.answered() == 50


def test_it_takes_fewer_ports_or_more(topology: Topology, nothing_stays: None) -> None:
    with first(topology) as router:
        fewer = successor(topology, ports=["c"])
        assert router.bise.process.wait(120) == 0
        wait_until("it forwards", fewer.is_forwarding, 120)
        assert "xdp" not in topology.router.run_line("ip link show dev s")
        assert ping(router.host("c"), "10.0.2.2", 5) == 5
        more = replaced(Router(topology, fewer))
        assert more.answered() == 50


def test_with_nothing_to_replace_it_starts(topology: Topology, nothing_stays: None) -> None:
    with first(topology, "--replace") as router:
        assert router.bise.log().count("there is nothing to replace") == 1
        assert router.answered() == 50


@pytest.fixture
def running(topology: Topology) -> Iterator[Router]:
    """One that a successor which fails leaves as it was."""
    with first(topology) as router:
        before, programs = traces(topology.router), steered(topology)
        yield router
        end_successors()
        assert traces(topology.router) == before
        assert steered(topology) == programs
        assert router.answered() == 50


def steered(topology: Topology) -> list[str]:
    """The numbers of the XDP programs."""
    return [line for line in topology.router.run_line("ip link show").splitlines() if "prog/xdp" in line]


def refusal(topology: Topology, *words: str) -> str:
    """What a successor says that can't start."""
    command = (BISE, "run", "--name", topology.router.name, "--replace", *words)
    process = topology.router.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (1, 2), said
    return said.decode()


def test_who_can_not_start_replaces_nobody(running: Router, tmp_path: Path) -> None:
    ports = ("--port", "c", "--port", "s")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('port = ["c"]\n')
    node = tmp_path / "broken.py"
    node.write_text('"""No node."""\nthis is no Python\n')
    assert "no such key" in refusal(running.topology, "--config", str(wrong))
    assert "no interface 'nosuch0'" in refusal(running.topology, *ports, "--port", "nosuch0")
    assert "give a smaller --memory" in refusal(running.topology, *ports, "--memory", "900T")
    assert "broken.py" in refusal(running.topology, *ports, "--memory", "64M", "--node", str(node))


def test_ports_without_a_kernel_behind_them_are_not_replaced(running: Router) -> None:
    said = refusal(running.topology, "--port", "c", "--port", "memory:m")
    assert "m: only interfaces that stay the kernel's can be replaced" in said


def test_who_has_ports_of_its_own_is_not_replaced(topology: Topology, nothing_stays: None) -> None:
    with routed(topology, ("--memory", "64M", "--port", "memory:m,size=60")) as router:
        said = refusal(topology, "--port", "c", "--port", "s")
        assert "can't be replaced: m: only interfaces that stay the kernel's" in said
        assert router.bise.is_forwarding()


def test_killed_while_it_prepares(running: Router) -> None:
    fresh = successor(running.topology)
    tap = "bise-punt2"
    wait_until("it prepares", lambda: tap in running.namespace.run_line("ip -br link show"), 60)
    fresh.process.kill()
    fresh.process.wait()
    wait_until("it is gone", lambda: tap not in running.namespace.run_line("ip -br link show"))
    assert running.bise.is_forwarding()


def test_told_to_stop_while_it_prepares(running: Router) -> None:
    fresh = successor(running.topology)
    wait_until("it prepares", lambda: "bise-punt2" in running.namespace.run_line("ip -br link show"), 60)
    fresh.signal(signal.SIGINT)
    assert fresh.process.wait(20) == 0


def test_two_at_a_time_do_not_replace_one(running: Router) -> None:
    second = tap_names(running.bise.name)[1]
    running.namespace.ip(f"link add {second} type veth peer name spare0")
    assert f"{second}: " in refusal(running.topology, "--port", "c", "--memory", "64M")
    running.namespace.ip(f"link del {second}")


def test_killed_when_it_has_taken_over(topology: Topology, nothing_stays: None) -> None:
    with first(topology) as router:
        fresh = successor(topology)
        assert router.bise.process.wait(120) == 0
        fresh.kill()
        STARTED.clear()
        assert ping(router.host("c"), "10.0.2.2", 20) == 20
        wait_until("no program is left", lambda: not steered(topology))


def links_held(bise: RunningBise) -> int:
    """How many programs stay on their interfaces because of this process."""
    held = 0
    for each in Path(f"/proc/{bise.process.pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):
            held += "link_type:\txdp" in each.read_text()
    return held


def test_the_one_to_replace_dies_before(topology: Topology, nothing_stays: None) -> None:
    with first(topology) as router:
        fresh = successor(topology)
        wait_until("it keeps the programs there", lambda: links_held(fresh) == len(PORTS), 60)
        router.bise.process.kill()
        wait_until("it forwards", fresh.is_forwarding, 120)
        assert "ended before it handed over" in fresh.log()
        assert Router(topology, fresh).answered() == 50


def test_one_whose_worker_hangs_is_replaced(topology: Topology, nothing_stays: None) -> None:
    with first(topology) as router, failover.hung(router.bise):
        fresh = successor(topology)
        assert router.bise.process.wait(120) in (0, 1)
        wait_until("it forwards", fresh.is_forwarding, 120)
        assert Router(topology, fresh).answered() == 50


def test_the_supervisor_is_told_who_the_service_is(
    topology: Topology, nothing_stays: None, supervisor: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with first(topology) as router:
        told(supervisor, "READY=1")
        monkeypatch.delenv("NOTIFY_SOCKET")  # started by hand, it learns from the other whom to tell
        fresh = replaced(router)
        words = [told(supervisor, "="), told(supervisor, "=")]
        while "READY=1" not in words[-1]:
            words.append(told(supervisor, "="))
        assert f"MAINPID={fresh.pid}" in words
        assert "STOPPING=1" not in words
