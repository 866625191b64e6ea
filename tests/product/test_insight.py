"""Looking at packets while Bise forwards them, between ordinary hosts: what is told against what was sent and seen."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from threading import Event, Thread
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from bise.errors import BiseError
from tests.namespaces import Port, Topology
from tests.product.conftest import PORTS
from tests.product.router import BISE, Router, ping, reaches, routed, wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]
TELLING_PORT, OTHER_PORT = 5353, 9
TWO_CORES = sorted(os.sched_getaffinity(0))[:2]


@contextmanager
def datagrams(router: Router, port: int, ttl: int = 64) -> Iterator[None]:
    """A stream of small ones from the client to the server while the block runs, besides others."""
    ended = Event()

    def send() -> None:
        with router.host("c").inside(), socket(AF_INET, SOCK_DGRAM) as sender:
            sender.setsockopt(0, 2, ttl)  # IPPROTO_IP, IP_TTL
            while not ended.wait(0.002):
                for number in (OTHER_PORT, port):
                    sender.sendto(b"told of", (router.port("s").host4, number))

    thread = Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def says(router: Router, *words: str) -> str:
    """What `bise <words>` prints."""
    return router.namespace.run(BISE, *words, "--name", router.bise.name)


@contextmanager
def started(router: Router, *words: str) -> "Iterator[subprocess.Popen[bytes]]":
    """`bise <words>` once it looks at packets; ended with the block."""
    wait_until("nobody looks", lambda: not is_watched(router))
    process = router.namespace.start(BISE, *words, "--name", router.bise.name, stderr=subprocess.PIPE)
    try:
        wait_until("it looks", lambda: is_watched(router), 120)
        yield process
    finally:
        process.kill()
        process.communicate()
        wait_until("nobody looks", lambda: not is_watched(router))


def is_watched(router: Router) -> bool:
    return any("looks at packets" in note for note in router.bise.ask("status")["notes"])


def comments(file: Path) -> list[tuple[bytes, int, str]]:
    """Octets, direction and comment of each packet, as scapy reads the file."""
    found = []
    for octets, about in RawPcapNgReader(str(file)):
        (comment,) = getattr(about, "comments", None) or [about.comment]
        found.append((octets, about.direction, comment.decode()))
    return found


def test_a_trace_tells_what_became_of_a_packet(router: Router) -> None:
    with datagrams(router, TELLING_PORT):
        found = json.loads(
            says(router, "trace", "--port", "c", "--count", "3", "--filter", f"udp port {TELLING_PORT}", "--json")
        )
    assert len(found) == 3
    for told in found:
        packet = Ether(bytes.fromhex(told["packet"]))
        assert (packet[IP].dst, packet[UDP].dport, packet[IP].ttl) == (router.port("s").host4, TELLING_PORT, 64)
        assert (told["port"], told["verdict"], told["egress"]) == ("c", "transmit", "s")
        assert told["steps"][0]["node"] == "ethernet.input"
        assert [step["to"] for step in told["steps"]][-1] == "transmit"
        changes = [change for step in told["steps"] for change in step["changes"]]
        assert "ipv4.ttl 64 → 63" in changes
        assert f"ethernet.source {packet.src} → {router.port('s').router_mac}" in changes


def test_a_capture_is_what_the_hosts_saw(router: Router, tmp_path: Path) -> None:
    """Both directions; no packet is lost meanwhile, and what is in the file tcpdump reads."""
    file = tmp_path / "out.pcapng"
    with started(router, "capture", "--port", "c", "--filter", "icmp", str(file)) as capture:
        with router.natively("s", 200), router.natively("c", 200):
            assert ping(router.host("c"), router.port("s").host4, 200) == 200
        # On a machine with few cores a late worker leaves a packet to the kernel now and then.
        wait_until("nearly all is written", lambda: len(comments(file)) >= 320)
        capture.send_signal(signal.SIGINT)
        _, said = capture.communicate(timeout=20)
    assert capture.returncode == 0
    found = comments(file)
    assert said.decode().splitlines()[-1] == f"{len(found)} packets written"
    requests = [comment for _, way, comment in found if way == 1]
    assert set(requests) == {"transmit by s"}
    assert {comment for _, way, comment in found if way == 2} == {"transmit, received on s"}
    assert 150 <= len(requests) <= 200
    read = subprocess.run(["tcpdump", "-nr", str(file), "icmp[icmptype] == icmp-echo"], capture_output=True, text=True)
    assert len(read.stdout.splitlines()) == len(requests)
    assert f"IP {router.port('c').host4} > {router.port('s').host4}: ICMP echo request" in read.stdout


def test_a_punted_packet_has_its_reason_in_a_capture(router: Router, tmp_path: Path) -> None:
    file = tmp_path / "out.pcapng"
    with datagrams(router, TELLING_PORT, ttl=1):
        words = ("--port", "c", "--direction", "in", "--count", "5", "--filter", f"udp port {TELLING_PORT}")
        says(router, "capture", *words, str(file))
    found = comments(file)
    assert [(Ether(octets)[IP].ttl, way, comment) for octets, way, comment in found] == [(1, 1, "punt ipv4.ttl")] * 5


def test_a_sample_of_each_reason(router: Router) -> None:
    with datagrams(router, TELLING_PORT, ttl=1):
        found = json.loads(says(router, "punts", "--sample", "--json"))
        text = says(router, "punts", "--sample")
    (told,) = [reason["sample"] for reason in found if reason["reason"] == "ipv4.ttl"]
    assert Ether(bytes.fromhex(told["packet"]))[IP].ttl == 1
    assert told["verdict"] == "punt ipv4.ttl"
    assert "ipv4.ttl: 49 octets received on c" in text


def test_cycles_of_the_nodes_that_were_passed(router: Router) -> None:
    with datagrams(router, TELLING_PORT):
        found = json.loads(says(router, "cycles", "--seconds", "3", "--json"))
    spent = {node["node"]: node for node in found["nodes"]}
    assert spent["ipv4.input"]["packets"] > 3
    assert 0 < spent["ipv4.input"]["cycles"] < 1e5 * spent["ipv4.input"]["packets"]
    assert spent["ipv6.look_up"]["packets"] < spent["ipv4.look_up"]["packets"]
    assert found["bare"]["packets"] > 10 * spent["ipv4.input"]["packets"]


def test_two_do_not_look_at_once(router: Router) -> None:
    with datagrams(router, TELLING_PORT):
        with started(router, "trace", "--filter", "udp port 1") as first:
            with pytest.raises(BiseError, match="somebody else watches packets"):
                says(router, "trace", "--count", "1")
            first.send_signal(signal.SIGINT)
            assert first.wait(20) == 0
            assert not is_watched(router)
        assert json.loads(says(router, "trace", "--count", "1", "--json"))


def test_who_is_killed_looks_no_more(router: Router) -> None:
    with started(router, "trace", "--filter", "udp port 1") as trace:
        trace.kill()
        trace.wait()
        wait_until("nobody looks", lambda: not is_watched(router))
    with router.natively("s", 20):
        assert ping(router.host("c"), router.port("s").host4, 20) == 20


def test_a_port_that_does_not_exist(router: Router) -> None:
    with pytest.raises(BiseError, match="no port 'nope'; there are c, s, t"):
        says(router, "trace", "--port", "nope")


def test_a_packet_socket_on_a_port_is_named(router: Router) -> None:
    def notes() -> list[str]:
        found: list[str] = router.bise.ask("status")["notes"]
        return [note for note in found if "listens" in note]

    assert notes() == []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    listener: Any = router.namespace.start("tcpdump", "-ni", "s", **quiet)
    try:
        wait_until("it is named", notes)
        (note,) = notes()
        assert note.startswith("tcpdump (")
        assert "listens for packets on s and misses those that Bise forwards" in note
        assert note in router.bise.log()
        assert f"note: {note}" in says(router, "status")
    finally:
        listener.terminate()
        listener.wait()
    wait_until("it is gone", lambda: not notes())
    assert reaches(router.host("c"), router.port("s").host4)


@pytest.mark.skipif(len(TWO_CORES) < 2, reason="one core only")
def test_a_capture_has_what_each_worker_forwards(tmp_path: Path) -> None:
    """Each flow has its queue, and each queue its worker."""
    file, ports = tmp_path / "out.pcapng", (Port("c", 1, queues=2), Port("s", 2, queues=2))
    with (
        Topology(ports, hosts="answering") as topology,
        routed(topology, ("--cores", ",".join(map(str, TWO_CORES)))) as router,
    ):
        words = ("capture", "--port", "s", "--direction", "out", "--filter", f"udp port {TELLING_PORT}", str(file))
        with started(router, *words) as capture, router.natively("s", 200), router.host("c").inside():
            for number in range(200):
                with socket(AF_INET, SOCK_DGRAM) as sender:
                    sender.bind(("", 20_000 + number))
                    sender.sendto(b"told of", (router.port("s").host4, TELLING_PORT))
            wait_until("most are written", lambda: len(comments(file)) > 150)
            capture.terminate()
            capture.communicate(timeout=20)
        assert all(worker["packets"] > 20 for worker in router.bise.ask("status")["workers"])
    found = [(Ether(octets)[UDP].sport, Ether(octets)[IP].ttl, way) for octets, way, _ in comments(file)]
    assert len({port for port, *_ in found}) == len(found)
    assert {(ttl, way) for _, ttl, way in found} == {(63, 2)}


def test_a_capture_goes_on_when_another_port_vanishes(tmp_path: Path) -> None:
    """The plan is another one then, and the watch is put into it."""
    file = tmp_path / "out.pcapng"
    with Topology(PORTS, hosts="answering") as topology, routed(topology) as router:
        words = ("capture", "--port", "c", "--direction", "in", "--filter", f"udp port {TELLING_PORT}", str(file))
        with started(router, *words) as capture, datagrams(router, TELLING_PORT):
            wait_until("packets are written", lambda: len(comments(file)) > 10)
            router.namespace.ip("link del dev t")
            wait_until("it is gone", lambda: router.state("t")["state"] == "gone")
            before = len(comments(file))
            wait_until("more are written", lambda: len(comments(file)) > before + 10)
            capture.terminate()
            _, said = capture.communicate(timeout=20)
        found = comments(file)
        assert capture.returncode == 0
        assert said.decode().splitlines()[-1].startswith(f"{len(found)} packets written")
        assert {comment for *_, comment in found} == {"transmit by s"}
