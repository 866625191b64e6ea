"""Real packets through steering program, AF_XDP socket and rings, in a process that can be killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scapy.all import IP, UDP, Ether, IPv6, Raw

from bise.ports.steering.interface import read_interface
from bise.ports.steering.layout import PROGRAM_PREFIX
from bise.ports.steering.occupant import read_occupant
from tests.namespaces import CLIENT, SERVER, Port, Topology
from tests.oracle.peer import Peer

pytestmark = pytest.mark.root

ROOT = Path(__file__).resolve().parents[3]
PUSH_TAG = """
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int tag(struct __sk_buff *packet) { bpf_skb_vlan_push(packet, bpf_htons(ETH_P_8021Q), 7); return 0; }
char _license[] SEC("license") = "GPL";
"""
Swapper = subprocess.Popen[bytes]
RUNNING: list[Swapper] = []


def start_swapper(topology: Topology, *names: str, alive_ms: int = 2000) -> Swapper:
    """A process that sends every packet back; it forwards when this returns. On a busy machine it may not run for a
    while: only what is about its death has the short deadline."""
    command = (sys.executable, "-m", "tests.ports.mac_swapper", str(alive_ms), *names)
    process = topology.router.start(*command, cwd=ROOT, stdout=subprocess.PIPE)
    RUNNING.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"forwarding\n"
    return process


@pytest.fixture(autouse=True)
def no_survivors() -> Iterator[None]:
    """A test that fails leaves no process behind."""
    yield
    while RUNNING:
        process = RUNNING.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def end(process: Swapper) -> int:
    """Ends it in peace; its exit status is not 0 where it lost a packet."""
    process.send_signal(signal.SIGTERM)
    status = process.wait(10)
    assert process.stdout is not None
    process.stdout.close()
    return status


@pytest.fixture
def topology() -> Iterator[Topology]:
    with Topology() as made:
        yield made


@pytest.fixture
def swapper(topology: Topology) -> Iterator[Swapper]:
    process = start_swapper(topology, "c", "s")
    yield process
    assert end(process) == 0


@pytest.fixture
def client(topology: Topology) -> Iterator[Peer]:
    with Peer(topology.hosts["c"], CLIENT.far) as peer:
        yield peer


@pytest.fixture
def server(topology: Topology) -> Iterator[Peer]:
    with Peer(topology.hosts["s"], SERVER.far) as peer:
        yield peer


def transit(number: int = 0, octets: int = 60, mac: str = CLIENT.router_mac) -> bytes:
    """A UDP packet from the client's network to the server's, numbered by its source port."""
    headers = Ether(src=CLIENT.host_mac, dst=mac) / IP(src=CLIENT.beyond4, dst=SERVER.beyond4)
    return bytes(headers / UDP(sport=1000 + number, dport=7777) / Raw(bytes(octets)))


def swapped(packet: bytes) -> bytes:
    return packet[6:12] + packet[:6] + packet[12:]


def is_unicast(packet: bytes) -> bool:
    """Ours are; the kernels' own reports are not."""
    return not packet[0] & 1


def collect(peer: Peer, count: int, within_s: float = 2.0, wanted: Callable[[bytes], bool] = is_unicast) -> list[bytes]:
    """What `wanted` accepts, until `count` are there or time is up."""
    found: list[bytes] = []
    deadline = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < deadline:
        found += filter(wanted, peer.receive())
        time.sleep(0.001)
    return found


def test_packets_come_back_unchanged_but_for_their_macs(swapper: Swapper, client: Peer):
    six = Ether(src=CLIENT.host_mac, dst=CLIENT.router_mac) / IPv6(src=CLIENT.beyond6, dst=SERVER.beyond6) / UDP()
    sent = [transit(number, octets) for number, octets in enumerate([0, 1, 18, 60, 500, 1472])] + [bytes(six)]
    client.send(sent)
    assert collect(client, len(sent)) == [swapped(packet) for packet in sent]


def test_more_packets_than_the_rings_hold_come_back_in_order(swapper: Swapper, client: Peer):
    for start in range(0, 10_000, 50):
        sent = [transit(number) for number in range(start, start + 50)]
        client.send(sent)
        assert collect(client, 50) == [swapped(packet) for packet in sent]


def test_both_ports_have_a_queue_of_their_own(swapper: Swapper, client: Peer, server: Peer):
    client.send([transit()])
    server.send([transit(1, mac=SERVER.router_mac)])
    assert collect(client, 1) == [swapped(transit())]
    assert collect(server, 1) == [swapped(transit(1, mac=SERVER.router_mac))]


def test_packets_for_another_mac_are_not_taken(swapper: Swapper, client: Peer, server: Peer):
    client.send([transit(mac="02:00:00:00:01:99"), transit(5)])
    assert collect(client, 2, 0.3) == [swapped(transit(5))]


def test_a_tag_in_the_packet_makes_it_the_kernels(topology: Topology, swapper: Swapper, client: Peer):
    plain = transit()
    tagged = plain[:12] + b"\x81\0\0\7" + plain[12:]
    client.send([tagged, transit(5)])
    assert collect(client, 2, 0.3) == [swapped(transit(5))]


def test_a_tag_beside_the_packet_makes_it_the_kernels(topology: Topology, swapper: Swapper, tmp_path: Path):
    (tmp_path / "tag.c").write_text(PUSH_TAG)
    include = f"-I/usr/include/{sys.implementation._multiarch}"
    subprocess.run(
        ["clang", "-O2", "-target", "bpf", include, "-c", tmp_path / "tag.c", "-o", tmp_path / "tag.o"], check=True
    )
    host = topology.hosts["c"]
    host.run("tc", "qdisc", "add", "dev", CLIENT.far, "clsact")
    host.run("tc", "filter", "add", "dev", CLIENT.far, "egress", "bpf", "da", "obj", f"{tmp_path}/tag.o", "sec", "tc")
    with Peer(host, CLIENT.far, bypass=False) as client, Peer(topology.router, "c") as kernel:
        client.send([transit()])
        assert len(collect(kernel, 1, 1.0, lambda packet: packet[12:16] == b"\x81\0\0\7")) == 1
        assert collect(client, 1, 0.2) == []


@pytest.mark.parametrize(("mtu", "octets"), [(9000, 8900), (3000, 2500)])
def test_packets_too_long_for_a_buffer_are_the_kernels(mtu: int, octets: int):
    with Topology([Port("c", 1, mtu=mtu)], hosts="answering") as made:
        swapper = start_swapper(made, "c")
        answer = made.hosts["c"].run("ping", "-c", "2", "-i", "0.1", "-W", "1", "-s", str(octets), CLIENT.router4)
        assert "2 received" in answer
        assert end(swapper) == 0


def milliseconds_until_the_kernel_forwards(client: Peer, server: Peer) -> float:
    start = time.monotonic()
    while time.monotonic() < start + 2:
        client.send([transit()])
        if any(map(is_unicast, server.receive())):
            return (time.monotonic() - start) * 1000
    raise AssertionError("the kernel does not forward")


def wait_until_swapped(client: Peer, server: Peer) -> None:
    """Until the swapper, not the kernel, has the port's packets."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        client.send([transit(9)])
        if collect(client, 1, 0.05) == [swapped(transit(9))]:
            server.receive()
            return
    raise AssertionError("the swapper does not forward")


def test_the_kernel_forwards_10_ms_after_a_kill(topology: Topology, client: Peer, server: Peer):
    took = []
    for _ in range(3):
        swapper = start_swapper(topology, "c", "s", alive_ms=5)
        wait_until_swapped(client, server)
        swapper.kill()
        took.append(milliseconds_until_the_kernel_forwards(client, server))
        swapper.communicate()
    assert min(took) < 10, took
    with topology.router.inside():
        assert read_occupant(read_interface("c")) is None


def test_the_kernel_forwards_10_ms_after_a_stop(topology: Topology, client: Peer, server: Peer):
    swapper = start_swapper(topology, "c", "s", alive_ms=5)
    took = []
    for _ in range(5):
        wait_until_swapped(client, server)
        swapper.send_signal(signal.SIGSTOP)
        took.append(milliseconds_until_the_kernel_forwards(client, server))
        swapper.send_signal(signal.SIGCONT)
    assert min(took) < 10, took
    assert end(swapper) == 0


def test_every_queue_has_its_packets(tmp_path: Path):
    with Topology([Port("c", 1, queues=2)]) as made:
        for namespace, name in ((made.router, "c"), (made.hosts["c"], "c0")):
            namespace.run("ethtool", "-L", name, "rx", "2", "tx", "2")
        swapper = start_swapper(made, "c")
        with Peer(made.hosts["c"], "c0", bypass=False) as client:
            client.send([transit(number) for number in range(200)])
            assert len(collect(client, 200)) == 200
        swapper.send_signal(signal.SIGTERM)
        counts = [int(line.split()[2]) for line in swapper.communicate()[0].splitlines()]
        assert swapper.returncode == 0
        assert sum(counts) == 200
        assert len(counts) == 2
        assert all(counts)


def test_a_port_that_goes_down_and_up_goes_on(topology: Topology, swapper: Swapper, client: Peer):
    topology.router.ip("link set dev c down", "link set dev c up")
    collect(client, 1, 0.1)
    client.send([transit(3)])
    assert collect(client, 1) == [swapped(transit(3))]


def test_a_port_whose_mtu_changes_goes_on(topology: Topology, swapper: Swapper, client: Peer):
    for mtu in (9000, 1300, 1500):
        topology.router.ip(f"link set dev c mtu {mtu}")
        client.send([transit(3)])
        assert collect(client, 1) == [swapped(transit(3))]


def test_a_port_that_vanishes_loses_no_packet_of_the_pool(topology: Topology, client: Peer, server: Peer):
    swapper = start_swapper(topology, "c", "s")
    client.send([transit(3)])
    assert collect(client, 1) == [swapped(transit(3))]
    topology.router.ip("link delete dev c")
    server.send([transit(4, mac=SERVER.router_mac)])
    assert collect(server, 1) == [swapped(transit(4, mac=SERVER.router_mac))]
    assert end(swapper) == 0


def test_an_end_in_peace_gives_the_port_back(topology: Topology, client: Peer, server: Peer):
    swapper = start_swapper(topology, "c", "s")
    with topology.router.inside():
        occupant = read_occupant(read_interface("c"))
    assert occupant is not None
    assert occupant.name.startswith(PROGRAM_PREFIX)
    assert end(swapper) == 0
    client.send([transit(3)])
    assert len(collect(server, 1)) == 1
