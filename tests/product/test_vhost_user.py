"""A router between two virtual machines' NICs and a veth: vhost-user ports, configured with `ip` on their TAPs.

dpdk-testpmd is both machines: it plays one capture into its first NIC and keeps what comes back by either.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet
from scapy.utils import rdpcap, wrpcap

from bise.bench.namespaces import Namespace
from bise.bench.running import RunningBise
from bise.bench.testpmd import PROGRAM, Testpmd
from tests.namespaces import Port, Topology
from tests.product.router import wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="the package dpdk-dev is not installed"),
]

MACS = ("02:00:00:00:0a:02", "02:00:00:00:0b:02")  # of the machines
COUNT = 50


@dataclass(frozen=True)
class Machines:
    """Two NICs of machines on the ports vm0 and vm1 of a router."""

    router: Namespace
    bise: RunningBise
    folder: Path

    @property
    def mac(self) -> str:
        """Of the router, on vm0."""
        return self.router.run_line("ip -br link show vm0").split()[2]

    def exchange(
        self, packets: Sequence[Packet], answers: tuple[int, int], meanwhile: Callable[[], object] = lambda: None
    ) -> tuple[list[Packet], list[Packet]]:
        """Plays packets into vm0 and does something `meanwhile` until the machines on vm0 and vm1 have received at
        least so many each; what they received."""
        sent, back, there = (self.folder / f"{name}.pcap" for name in ("sent", "back", "there"))
        wrpcap(str(sent), [bytes(packet) for packet in packets], linktype=1)
        devices = [
            f"net_pcap0,rx_pcap={sent},tx_pcap={back}",
            f"net_virtio_user0,path={self.folder}/vm0.sock,mac={MACS[0]}",
            f"net_virtio_user1,path={self.folder}/vm1.sock,mac={MACS[1]}",
            f"net_pcap1,tx_pcap={there}",
        ]
        with Testpmd(devices, [0, 0], "io", packets=4095) as machines:
            wait_until("the ports have a carrier", self.has_carrier)
            machines.start()
            given_up = time.monotonic() + 5
            while any(machines.counts(1 + n)[0] < answers[n] for n in (0, 1)) and time.monotonic() < given_up:
                meanwhile()
                time.sleep(0.05)
            machines.stop()
        return list(rdpcap(str(back))), list(rdpcap(str(there)))

    def has_carrier(self) -> bool:
        return all("LOWER_UP" in self.router.run_line(f"ip -br link show {name}") for name in ("vm0", "vm1"))


@contextmanager
def configured(topology: Topology, folder: Path) -> Iterator[Machines]:
    router, veth = topology.router, topology.ports[0]
    ports = [f"vhost-user:{folder}/{name}.sock,name={name}" for name in ("vm0", "vm1")]
    with RunningBise(router, [veth.name, *ports]) as running:
        router.ip(
            "address add 10.0.10.1/24 dev vm0",
            "address add 10.0.11.1/24 dev vm1",
            "address add 2001:db8:10::1/64 dev vm0 nodad",
            "address add 2001:db8:11::1/64 dev vm1 nodad",
            f"neighbour add 10.0.10.2 lladdr {MACS[0]} dev vm0 nud permanent",
            f"neighbour add 10.0.11.2 lladdr {MACS[1]} dev vm1 nud permanent",
            f"neighbour add 2001:db8:10::2 lladdr {MACS[0]} dev vm0 nud permanent",
            f"neighbour add 2001:db8:11::2 lladdr {MACS[1]} dev vm1 nud permanent",
            "route add 10.11.0.0/16 via 10.0.11.2",
            "route add 2001:db8:1100::/40 via 2001:db8:11::2",
        )
        yield Machines(router, running, folder)


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    with Topology((Port("c", 1),), hosts="answering") as topology:
        yield topology


@pytest.fixture(scope="module")
def machines(topology: Topology, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with configured(topology, tmp_path_factory.mktemp("vhost")) as found:
        yield found
    assert "vm" not in topology.router.run_line("ip -br link show")
    assert not list(found.folder.glob("*.sock"))


def test_packets_are_routed_from_one_machine_to_the_other(machines: Machines) -> None:
    ethernet = Ether(src=MACS[0], dst=machines.mac)
    packets = [ethernet / IP(src="10.0.10.2", dst=f"10.11.0.{n}") / UDP() / bytes([n]) for n in range(COUNT)]
    packets += [ethernet / IPv6(src="2001:db8:10::2", dst=f"2001:db8:11{n:02}::9") / UDP() for n in range(COUNT)]
    _, there = machines.exchange(packets, (0, 2 * COUNT))
    arrived = [packet for packet in there if UDP in packet and packet.dst == MACS[1]]
    assert [bytes(packet[UDP]) for packet in arrived] == [bytes(Ether(bytes(packet))[UDP]) for packet in packets]
    assert {packet[IP].ttl for packet in arrived if IP in packet} == {63}
    assert {packet[IPv6].hlim for packet in arrived if IPv6 in packet} == {63}
    sent = {port["name"]: port["transmitted"] for port in machines.bise.ask("ports")}
    assert sent["vm1"] >= 2 * COUNT


def test_linux_answers_by_the_tap(machines: Machines) -> None:
    ethernet = Ether(src=MACS[0], dst=machines.mac)
    asks = Ether(src=MACS[0], dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MACS[0], psrc="10.0.10.2", pdst="10.0.10.1")
    dies = ethernet / IP(src="10.0.10.2", dst="10.11.0.1", ttl=1) / UDP()
    pings = ethernet / IP(src="10.0.10.2", dst="10.0.10.1") / ICMP()
    back, _ = machines.exchange([asks, dies, pings], (3, 0))
    assert [packet[ARP].hwsrc for packet in back if ARP in packet] == [machines.mac]
    kinds = {packet[ICMP].type for packet in back if ICMP in packet and packet[IP].src == "10.0.10.1"}
    assert kinds == {0, 11}


def test_checksums_that_a_veth_leaves_out_are_right_at_the_machine(machines: Machines, topology: Topology) -> None:
    host = topology.hosts["c"]

    def talk() -> None:
        with host.inside(), socket(AF_INET, SOCK_DGRAM) as v4, socket(AF_INET6, SOCK_DGRAM) as v6:
            v4.sendto(b"four", ("10.0.10.2", 4000))
            v6.sendto(b"six", ("2001:db8:10::2", 4000))

    back, _ = machines.exchange([], (6, 0), talk)
    arrived = [packet for packet in back if UDP in packet and packet[UDP].dport == 4000]
    assert {packet.version for packet in (each.payload for each in arrived)} == {4, 6}
    for packet in arrived:
        right = Ether(bytes(packet))
        del right[UDP].chksum
        assert packet[UDP].chksum == Ether(bytes(right))[UDP].chksum
    transmitted = {port["name"]: port["transmitted"] for port in machines.bise.ask("ports")}
    assert transmitted["vm0"] >= 1


def test_a_machine_reaches_a_host_on_a_veth(machines: Machines) -> None:
    ethernet = Ether(src=MACS[0], dst=machines.mac)
    pings = [ethernet / IP(src="10.0.10.2", dst="10.0.1.2") / ICMP(id=7, seq=n) for n in range(COUNT)]
    back, _ = machines.exchange(pings, (COUNT, 0))
    answers = [packet[ICMP].seq for packet in back if ICMP in packet and packet[IP].src == "10.0.1.2"]
    assert answers == list(range(COUNT))


def test_a_port_without_its_machine_has_no_carrier(machines: Machines) -> None:
    def states() -> dict[str, str]:
        return {port["name"]: port["state"] for port in machines.bise.ask("status")["ports"]}

    wait_until("both carriers are gone", lambda: states() == {"c": "up", "vm0": "down", "vm1": "down"})
    assert not machines.has_carrier()
