"""Punted packets are judged by what the kernel does with them: it has to believe that they came in by the port."""

import ctypes
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from scapy.all import ICMP, IP, UDP, Ether, IPv6, Raw

from bise.ports.errors import PortError
from bise.ports.punt import PuntTap, punt, tap_names
from bise.ports.steering.build import build
from bise.ports.steering.interface import read_interface
from bise.ports.steering.layout import Reason
from bise.ports.steering.program import steer
from bise.ports.steering.verdicts import Verdicts
from tests.namespaces import CLIENT, SERVER, Port, Topology
from tests.oracle.peer import Peer

HOLD = """
import sys
from bise.ports.punt import PuntTap
tap = PuntTap("kept")
print("holding", flush=True)
sys.stdin.read()
"""


def write(descriptor: int, packet: bytes) -> bool:
    buffer = ctypes.create_string_buffer(packet, len(packet))
    return bool(punt(descriptor, ctypes.addressof(buffer), len(packet)))


def transit(ttl: int = 64, source: str = CLIENT.beyond4, octets: int = 40, port: Port = CLIENT) -> bytes:
    headers = Ether(src=port.host_mac, dst=port.router_mac) / IP(src=source, dst=SERVER.beyond4, ttl=ttl)
    return bytes(headers / UDP(sport=1, dport=7777) / Raw(bytes(octets)))


def arrivals(peer: Peer, count: int, within_s: float = 1.0) -> list[bytes]:
    """The unicast packets that came, until there are `count` or time is up."""
    found: list[bytes] = []
    deadline = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < deadline:
        found += [packet for packet in peer.receive() if not packet[0] & 1]
        time.sleep(0.001)
    return found


class Router:
    """A router whose ports have a punting descriptor each."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.tap = PuntTap("test")
        self.descriptor = {port.name: self.tap.open(self.ifindex(port.name)) for port in topology.ports}

    def ifindex(self, name: str) -> int:
        return read_interface(name).ifindex


@pytest.fixture(params=[1500, 9000])
def router(request: pytest.FixtureRequest) -> Iterator[Router]:
    build()
    ports = [Port("c", 1, mtu=request.param), Port("s", 2, mtu=request.param)]
    with Topology(ports) as topology, topology.router.inside():
        made = Router(topology)
        yield made
        made.tap.close()


@pytest.fixture
def server(router: Router) -> Iterator[Peer]:
    with Peer(router.topology.hosts["s"], SERVER.far) as peer:
        yield peer


@pytest.fixture
def client(router: Router) -> Iterator[Peer]:
    with Peer(router.topology.hosts["c"], CLIENT.far) as peer:
        yield peer


@pytest.mark.root
def test_netfilter_sees_the_port(router: Router, server: Peer):
    rules = (
        "table ip t { chain c { type filter hook forward priority 0; iifname c oifname s udp dport 7777 counter; }; }"
    )
    subprocess.run(["nft", rules], check=True)
    for _ in range(3):
        assert write(router.descriptor["c"], transit())
    assert len(arrivals(server, 3)) == 3
    listed = subprocess.run(["nft", "-j", "list", "table", "ip", "t"], check=True, capture_output=True).stdout
    assert '"counter": {"packets": 3' in json.dumps(json.loads(listed))


@pytest.mark.root
def test_reverse_path_filtering_sees_the_port(router: Router, server: Peer):
    router.topology.router.sysctl({"net/ipv4/conf/all/rp_filter": 1})
    write(router.descriptor["c"], transit(source=SERVER.beyond4.replace(".9", ".8")))
    write(router.descriptor["c"], transit())
    assert [IP(packet[14:]).src for packet in arrivals(server, 2, 0.3)] == [CLIENT.beyond4]


@pytest.mark.root
def test_the_kernel_answers_an_expired_ttl(router: Router, client: Peer):
    assert write(router.descriptor["c"], transit(ttl=1))
    answer = IP(arrivals(client, 1)[0][14:])
    assert (answer.src, answer.dst) == (CLIENT.router4, CLIENT.beyond4)
    assert (answer[ICMP].type, answer[ICMP].code) == (11, 0)


@pytest.mark.root
def test_ipv6_re_enters_too(router: Router, server: Peer):
    headers = Ether(src=CLIENT.host_mac, dst=CLIENT.router_mac) / IPv6(src=CLIENT.beyond6, dst=SERVER.beyond6)
    assert write(router.descriptor["c"], bytes(headers / UDP()))
    assert IPv6(arrivals(server, 1)[0][14:]).hlim == 63


@pytest.mark.root
def test_a_packet_as_long_as_the_mtu_fits(router: Router, server: Peer):
    mtu = router.topology.ports[0].mtu
    assert write(router.descriptor["c"], transit(octets=mtu - 28))
    assert [len(packet) for packet in arrivals(server, 1)] == [mtu + 14]


@pytest.mark.root
def test_each_port_has_its_own_queue_and_a_released_one_serves_again(router: Router, client: Peer):
    there = bytes(Ether(src=SERVER.host_mac, dst=SERVER.router_mac) / IP(src=SERVER.beyond4, dst=CLIENT.beyond4))
    router.topology.router.sysctl({"net/ipv4/conf/all/rp_filter": 1})
    assert write(router.descriptor["s"], there)
    assert len(arrivals(client, 1)) == 1
    router.tap.release(router.descriptor["s"])
    write(router.descriptor["s"], there)
    assert arrivals(client, 1, 0.2) == []
    assert router.tap.open(router.ifindex("s")) == router.descriptor["s"]
    assert write(router.descriptor["s"], there)
    assert len(arrivals(client, 1)) == 1


@pytest.mark.root
def test_a_punted_packet_does_not_meet_the_steering_program_again(router: Router, server: Peer):
    verdicts = Verdicts(4, 16), Verdicts(6, 16)
    steering = steer("c", verdicts)
    assert write(router.descriptor["c"], transit())
    assert len(arrivals(server, 1)) == 1
    assert steering.counts()[Reason.GATE_ALL] == 0
    steering.close()


@pytest.mark.root
def test_the_tap_says_nothing(router: Router):
    shown = subprocess.run(["ip", "-j", "-s", "addr", "show", "dev", router.tap.name], check=True, capture_output=True)
    (tap,) = json.loads(shown.stdout)
    assert tap["addr_info"] == []
    assert "NOARP" in tap["flags"]
    assert "MULTICAST" not in tap["flags"]
    assert "UP" in tap["flags"]
    statistics = json.loads(
        subprocess.run(
            ["ip", "-j", "-s", "link", "show", "dev", router.tap.name], check=True, capture_output=True
        ).stdout
    )
    assert statistics[0]["stats64"]["tx"]["packets"] == 0


@pytest.mark.root
def test_a_port_that_has_gone_swallows_its_packets(router: Router, server: Peer):
    router.topology.router.ip("link delete dev c")
    write(router.descriptor["c"], transit())
    assert arrivals(server, 1, 0.1) == []


@pytest.mark.root
def test_a_second_instance_of_the_same_name_is_refused(router: Router):
    with pytest.raises(PortError, match="an interface of this name exists"):
        PuntTap("test")
    PuntTap("other").close()


@pytest.mark.root
def test_nothing_is_left_of_a_killed_process(router: Router):
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"holding\n"
    assert read_interface(tap_names("kept")[0]).up
    process.kill()
    process.communicate()
    with pytest.raises(PortError):
        read_interface(tap_names("kept")[0])


def test_tap_names_are_short_and_differ():
    instances = ("bise", "a", "edge", "a-very-long-name", "a-very-long-name-2")
    names = [name for instance in instances for name in tap_names(instance)]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 15 for name in names)
    assert names[0] == "bise-punt"
