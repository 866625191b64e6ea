"""The face of a port that Bise owns: a TAP that looks like the port."""

import ctypes
import socket
from collections.abc import Iterator

import pytest
from scapy.all import ICMP, IP, UDP, Ether, Raw

from bise.bench.namespaces import Namespace, Namespaces
from bise.hot import Region, load64, store64
from bise.ports import face
from bise.ports.dpdk.pool import Pool
from bise.ports.errors import PortError
from bise.ports.mbuf import Mbuf
from bise.ports.steering import netlink
from bise.ports.steering.interface import read_interface
from tests.namespaces import PURPOSE, QUIET

pytestmark = pytest.mark.root

MAC, FAR = 0x0200_0000_0A01, 0x0200_0000_0A02
OURS, THEIRS = "10.0.10.1", "10.0.10.2"
MTU = 1400


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with Namespaces("face", purpose=PURPOSE) as (made,):
        made.sysctl(QUIET)
        with made.inside():
            yield made


@pytest.fixture
def port(namespace: Namespace, pool: Pool) -> Iterator[face.Face]:
    made = face.Face("vm0", MAC, MTU, port=7)
    namespace.ip(
        f"address add {OURS}/24 dev vm0",
        f"neighbour add {THEIRS} lladdr 02:00:00:00:0a:02 dev vm0 nud permanent",
    )
    yield made
    spare = made.take_spare()
    if spare:
        pool.put([spare])
    made.close()


def received(port: face.Face, pool: Pool) -> list[bytes]:
    """What the kernel sent, save multicast; the packets go back to the pool."""
    array = Region(4096, huge_pages=False)
    count = face.receive(port.address, array.address, 32)
    packets = [Mbuf(load64(array.address + 8 * number)) for number in range(count)]
    octets = [ctypes.string_at(p.buf_addr + p.data_off, p.data_len) for p in packets]
    assert all((p.port, p.nb_segs, p.pkt_len) == (7, 1, p.data_len) for p in packets)
    pool.put([p.address for p in packets])
    return [packet for packet in octets if not packet[0] & 1]


def transmit(port: face.Face, pool: Pool, packet: bytes) -> int:
    array = Region(4096, huge_pages=False)
    (address,) = pool.get(1)
    record = Mbuf(address)
    record.data_len = record.pkt_len = len(packet)
    ctypes.memmove(record.buf_addr + record.data_off, packet, len(packet))
    store64(array.address, address)
    return int(face.transmit(port.address, array.address, 1))


def test_linux_sees_the_ports_name_mac_and_mtu(port: face.Face):
    seen = read_interface("vm0")
    assert (seen.mac, seen.mtu, seen.up, seen.ifindex) == (MAC, MTU, True, port.ifindex)


def test_what_linux_sends_has_a_complete_checksum(port: face.Face, pool: Pool):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"sum" * 100, (THEIRS, 7777))
    (packet,) = received(port, pool)
    again = IP(packet[14:])
    sent = again[UDP].chksum
    del again[UDP].chksum
    assert sent == IP(bytes(again))[UDP].chksum


def test_what_linux_would_cut_in_hardware_comes_cut(port: face.Face, pool: Pool):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_UDP, 103, 500)  # UDP_SEGMENT
        sender.sendto(bytes(2000), (THEIRS, 7777))
    assert [len(packet) for packet in received(port, pool)] == [500 + 42] * 4


def test_linux_answers_what_is_written(port: face.Face, pool: Pool):
    headers = Ether(src="02:00:00:00:0a:02", dst="02:00:00:00:0a:01") / IP(src=THEIRS, dst=OURS)
    assert transmit(port, pool, bytes(headers / ICMP(id=5, seq=6) / Raw(b"hello"))) == 1
    (answer,) = received(port, pool)
    echo = IP(answer[14:])
    assert (echo.src, echo[ICMP].type, echo[ICMP].seq, bytes(echo[Raw])) == (OURS, 0, 6, b"hello")


def test_linux_is_not_asked_in_each_round(port: face.Face, pool: Pool):
    while received(port, pool):
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"late", (THEIRS, 7777))
    assert [len(received(port, pool)) for _ in range(face.PAUSE + 1)] == [0] * face.PAUSE + [1]


def test_a_packet_that_linux_refuses_is_counted(port: face.Face, pool: Pool):
    assert transmit(port, pool, b"short") == 0
    assert face.FaceQueue(port.address).tx_dropped == 1


def test_the_carrier_follows_the_port(port: face.Face):
    port.set_carrier(False)
    assert not _has_carrier()
    port.set_carrier(True)
    assert _has_carrier()


def _has_carrier() -> bool:
    return netlink.link("vm0")[2][33] == b"\1"  # IFLA_CARRIER


def test_a_name_that_is_taken_is_refused(port: face.Face):
    with pytest.raises(PortError, match="an interface of this name exists"):
        face.Face("vm0", MAC, MTU)


def test_an_mtu_beyond_a_packet_is_refused():
    with pytest.raises(PortError, match="can be at most 2030"):
        face.Face("vm1", MAC, 9000)


def test_the_interface_goes_with_the_face(namespace: Namespace):
    face.Face("vm1", MAC, MTU).close()
    with pytest.raises(PortError, match="no such interface"):
        read_interface("vm1")
