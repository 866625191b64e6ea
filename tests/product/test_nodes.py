"""Users' nodes come, change and go while packets are forwarded, and none is lost."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bise.errors import BiseError
from tests.namespaces import Port, Topology
from tests.nodefiles import COUNTING, folder
from tests.product.router import BISE, Router, again_if_late, ping, reaches, routed, wait_until
from tests.product.stream import Stream

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

TWO_CORES = sorted(os.sched_getaffinity(0))[:2]
PORTS = (Port("c", 1, queues=len(TWO_CORES)), Port("s", 2, queues=len(TWO_CORES)))
# The same record, and no ICMP any more.
DROPPING = COUNTING.replace(
    "return Count.ON", "return Count.OFF if IPv4(packet, packet.l3).protocol == Protocol.ICMP else Count.ON"
)
ANOTHER = COUNTING.replace("    seen = le64()\n", "    seen = le64()\n    more = le64()\n")


@pytest.fixture(scope="module")
def running() -> Iterator[Router]:
    """With a worker on each of two cores, if there are two."""
    words = ("--cores", ",".join(map(str, TWO_CORES)))
    with Topology(PORTS, hosts="answering") as topology, routed(topology, words) as router:
        yield router


@pytest.fixture
def meter() -> Path:
    path = folder("product-nodes") / "meter.py"
    path.write_text(COUNTING)
    return path


def begin(router: Router, meter: Path) -> None:
    """No file is running, and `meter` counts: also where a test begins anew."""
    for name in listed(router):
        bise(router, "node", "remove", name)
    meter.write_text(COUNTING)


def not_compiled_yet(text: str) -> str:
    return f"{text}\n# {time.time_ns()}\n"


def compile_before(router: Router, meter: Path, text: str) -> None:
    """While no packets come, and the workers leave the cores to the compiler."""
    meter.write_text(text)
    bise(router, "node", "add", str(meter))
    bise(router, "node", "remove", "meter")


def bise(router: Router, *words: str) -> str:
    return router.namespace.run(BISE, *words, "--name", router.bise.name)


def refused(router: Router, *words: str) -> str:
    with pytest.raises(BiseError) as caught:
        bise(router, *words)
    return str(caught.value)


def listed(router: Router) -> dict[str, Any]:
    """What `bise nodes --json` says, by file."""
    return {file["name"]: file for file in json.loads(bise(router, "nodes", "--json"))}


def seen(router: Router) -> int:
    return sum(listed(router)["meter"]["state"]["State.seen"])


def drops(router: Router) -> int:
    return sum(one["packets"] for one in router.bise.ask("drops") if one["reason"] == "meter.off")


@again_if_late
def test_nodes_come_change_and_go_under_traffic_and_no_packet_is_lost(running: Router, meter: Path) -> None:
    """The first is compiled beside the traffic, which is slow: the second only comes beside it."""
    begin(running, meter)
    compile_before(running, meter, DROPPING)
    meter.write_text(not_compiled_yet(COUNTING))
    client, server = running.host("c"), running.port("s").host4
    with Stream(running, "c", "s", 5001) as stream, running.natively("s", 1000):
        stream.further(500)
        assert bise(running, "node", "add", str(meter)).startswith("meter: added")
        stream.further(500)
        first = seen(running)
        assert first > 250
        assert listed(running)["meter"]["state"]["State.ports"] == [len(PORTS)] * len(TWO_CORES)
        assert reaches(client, server)
        meter.write_text(DROPPING)
        assert listed(running)["meter"]["changed"]
        assert bise(running, "node", "reload", "meter").startswith("meter: changed")
        before = drops(running)
        assert not reaches(client, server)
        assert drops(running) == before + 1
        stream.further(500)
        assert seen(running) > first + 250
        assert bise(running, "node", "remove", "meter").startswith("meter: removed")
        assert listed(running) == {}
        assert reaches(client, server)
        stream.further(500)
    assert stream.lost == 0


@again_if_late
def test_a_record_of_another_layout_begins_anew(running: Router, meter: Path) -> None:
    begin(running, meter)
    bise(running, "node", "add", str(meter))
    assert ping(running.host("c"), running.port("s").host4, 20) == 20
    assert seen(running) >= 20
    meter.write_text(ANOTHER)
    bise(running, "node", "reload", "meter")
    assert seen(running) < 20
    assert set(listed(running)["meter"]["state"]) == {"State.seen", "State.more", "State.ports"}
    bise(running, "node", "remove", "meter")


BROKEN = {
    "no Python": (COUNTING.replace("le64()", "le64(", 1), ":6: '(' was never closed"),
    "does not compile": (COUNTING.replace("state.seen += 1", "state.sein += 1"), ":18: meter.count: Unknown attribute"),
    "stands nowhere": (COUNTING.replace('"VALID"', '"SOUND"'), ":16: meter.count wants to stand on edge SOUND"),
    "cannot be prepared": (
        COUNTING.replace("len(ports)", 'ports["nosuch"]'),
        ":10: prepare: KeyError: 'nosuch'",
    ),
}


@again_if_late
def test_files_that_are_no_good_leave_everything_as_it_was(running: Router, meter: Path) -> None:
    begin(running, meter)
    bise(running, "node", "add", str(meter))
    before = listed(running)["meter"] | {"changed": True, "state": None}
    with Stream(running, "c", "s", 5002) as stream:
        for text, words in BROKEN.values():
            meter.write_text(text)
            said = refused(running, "node", "reload", "meter")
            assert f"{meter}{words}" in said
            assert "Traceback" not in said
            assert listed(running)["meter"] | {"state": None} == before
        assert "no file of the name nosuch; there are meter" in refused(running, "node", "remove", "nosuch")
        assert "a file of that name is there already" in refused(running, "node", "add", str(meter))
        stream.further(200)
    assert stream.lost == 0
    assert seen(running) > 100
    meter.write_text(COUNTING)
    assert bise(running, "node", "reload", "meter").startswith("meter: unchanged")
    bise(running, "node", "remove", "meter")


def test_a_file_that_is_no_good_keeps_bise_from_starting(running: Router, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN["does not compile"][0])
    running.namespace.ip("link add spare0 type veth peer name spare1", "link set spare0 up", "link set spare1 up")
    words = (BISE, "run", "--name", f"{running.bise.name}-2", "--port", "spare0", "--node", str(path))
    process = running.namespace.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=300)
    running.namespace.ip("link del spare0")
    assert process.returncode in (1, 2)
    assert f"bise: {path}:18: broken.count: Unknown attribute 'sein'" in said.decode()


def test_an_end_does_not_wait_for_the_compiler(meter: Path) -> None:
    meter.write_text(not_compiled_yet(COUNTING))
    with Topology(PORTS, hosts="answering") as topology, routed(topology) as router:
        words = (BISE, "node", "add", str(meter), "--name", router.bise.name)
        adding = router.namespace.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        pid = router.pid
        wait_until("it compiles", lambda: "bise.engine.fill" in commands_of_children(pid), 60)
        router.bise.signal(signal.SIGINT)
        assert router.bise.process.wait(10) == 0
        _, said = adding.communicate(timeout=10)
        assert b"is stopping; nothing was changed" in said
        assert "Traceback" not in router.bise.log()


def commands_of_children(pid: int) -> str:
    return subprocess.run(["ps", "--ppid", str(pid), "-o", "args"], capture_output=True, text=True).stdout
