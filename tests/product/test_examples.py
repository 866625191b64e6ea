"""The examples in a running Bise, between ordinary hosts."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import pytest
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from bise.engine.packet import NO_PORT
from tests.namespaces import Port, Topology
from tests.nodefiles import folder
from tests.oracle.peer import Peer
from tests.product.router import Router, again_if_late, reaches, routed, wait_until
from tests.structure.sources import ROOT

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

PORTS = (Port("c", 1), Port("s", 2), Port("mon", 3))
GTP = 2153
EXAMPLES = ("dns_guard", "mirror", "gtp_u")


@pytest.fixture(scope="module")
def running() -> Iterator[Router]:
    """What is for GTP-U's own port number, a veth leaves to the kernel: here it has another."""
    words = []
    for name in EXAMPLES:
        path = folder("product-examples") / f"{name}.py"
        path.write_text((ROOT / "examples" / f"{name}.py").read_text().replace("= 2152", f"= {GTP}"))
        words += ["--node", str(path)]
    with Topology(PORTS, hosts="answering") as topology, routed(topology, words) as router:
        yield router


def remembered(router: Router, field: str) -> int:
    """What a field says, of all workers."""
    name, _, rest = field.partition(".")
    (file,) = (file for file in router.bise.ask("nodes") if file["name"] == name)
    return sum(file["state"][rest])


@contextmanager
def listening(router: Router, port: int) -> Iterator[socket]:
    """A socket of the server's."""
    with router.host("s").inside():
        opened = socket(AF_INET, SOCK_DGRAM)
    with opened:
        opened.bind((router.port("s").host4, port))
        opened.settimeout(5)
        yield opened


def send(router: Router, octets: bytes, address: str, port: int) -> None:
    """A datagram of the client's."""
    with router.host("c").inside():
        opened = socket(AF_INET, SOCK_DGRAM)
    with opened:
        opened.sendto(octets, (address, port))


def ask_the_service(router: Router) -> None:
    """Nobody listens there: a segment to it, and one that refuses it."""
    with router.host("c").inside():
        opened = socket()
    with opened:
        opened.settimeout(5)
        with pytest.raises(ConnectionRefusedError):
            opened.connect((router.port("s").host4, 80))


@again_if_late
def test_a_query_for_a_blocked_name_never_comes(running: Router) -> None:
    server, before = running.port("s").host4, remembered(running, "dns_guard.Counts.blocked")
    with listening(running, 53) as arrived:
        for name in ("ads.example.com", "www.example.org"):
            send(running, bytes(DNS(rd=1, qd=DNSQR(qname=name))), server, 53)
        assert b"\x03www\x07example\x03org" in arrived.recv(512)
    assert remembered(running, "dns_guard.Counts.blocked") == before + 1
    drops = {one["reason"]: one["packets"] for one in running.bise.ask("drops")}
    assert drops["dns_guard.blocked"] == before + 1


@again_if_late
def test_the_monitor_sees_both_directions_of_the_service(running: Router) -> None:
    before = remembered(running, "mirror.State.copies")
    seen: list[Any] = []
    with Peer(running.host("mon"), "mon0") as monitor:
        ask_the_service(running)

        def has_seen() -> bool:
            seen.extend(Ether(octets) for octets in monitor.receive())
            return sum(TCP in packet for packet in seen) >= 2

        wait_until("both are seen", has_seen)
    segments = [packet for packet in seen if TCP in packet]
    assert [(packet[TCP].dport, packet[TCP].sport)[number] for number, packet in enumerate(segments)] == [80, 80]
    assert [packet[IP].ttl for packet in segments] == [64, 64]  # as they came in
    assert segments[0].dst == running.port("c").router_mac
    assert remembered(running, "mirror.State.copies") == before + 2
    assert running.counters("mon")["transmitted"] >= 2


@again_if_late
def test_what_a_tunnel_carries_arrives_alone(running: Router) -> None:
    source, target = running.port("c").host4, running.port("s").host4
    inner = IP(src=source, dst=target) / UDP(sport=5004, dport=5005) / Raw(b"from inside of a tunnel")
    before = remembered(running, "gtp_u.State.packets")
    with listening(running, 5005) as arrived:
        for tunnel in (0x9999, 0x1001):
            send(running, bytes(GTP_U_Header(teid=tunnel, gtp_type=255, E=0, S=0, PN=0) / inner), "192.0.2.1", GTP)
        octets, (address, port) = arrived.recvfrom(512)
    assert (octets, address, port) == (b"from inside of a tunnel", source, 5004)
    assert remembered(running, "gtp_u.State.packets") == before + 1


def test_without_the_monitor_the_rest_goes_on(running: Router) -> None:
    """The number that it had may be another port's by then: the node is told so."""
    running.namespace.ip("link del mon")
    wait_until("it is gone", lambda: running.state("mon")["state"] == "gone")
    wait_until("the node knows", lambda: remembered(running, "mirror.State.monitor") == NO_PORT)
    assert reaches(running.host("c"), running.port("s").host4)
    ask_the_service(running)
    drops = {one["reason"]: one["packets"] for one in running.bise.ask("drops")}
    assert drops["copy.lost"] == 0
