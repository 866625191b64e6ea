"""IPv4 headers against scapy's octets, RFCs' examples and a naive twin of Linux's checks."""

from ipaddress import IPv4Address
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_RR

from bise.hot import entry
from bise.wire import ipv4
from bise.wire.ipv4 import Fault, IPv4
from tests.wire import broken, naive
from tests.wire.packet import Bench, Notes

BENCH = Bench()
# RFC 1071's example data would be no header; this is a header that many documents sum up: its checksum is 0xb861.
KNOWN = bytes.fromhex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7".replace(" ", ""))


@entry(2)
def fault(packet, offset):
    return ipv4.fault(Notes(packet), offset)


@entry(2)
def age(packet, offset):
    ipv4.age(IPv4(Notes(packet), offset))
    return 0


@entry(2)
def predicates(packet, offset):
    """One bit each."""
    ip = IPv4(Notes(packet), offset)
    bits = ipv4.has_options(ip) | ipv4.is_fragment(ip) << 1 | ipv4.is_later_fragment(ip) << 2
    return bits | ipv4.dont_fragment(ip) << 3 | ipv4.header_octets(ip) << 8


def test_fields_are_where_scapy_puts_them():
    sent = IP(tos=0x2E, len=40, id=0x1234, flags="DF", frag=77, ttl=9, src="10.1.2.3", dst="192.0.2.255") / TCP()
    ip = IPv4(_packet(bytes(sent)), 0)
    assert (ip.version_ihl, ip.tos, ip.total_length, ip.identification) == (0x45, 0x2E, 40, 0x1234)
    assert (ip.fragment, ip.ttl, ip.protocol) == (ipv4.DONT_FRAGMENT | 77, 9, ipv4.Protocol.TCP)
    assert ip.checksum == IP(bytes(sent)).chksum
    assert (ip.source, ip.destination) == (int(IPv4Address("10.1.2.3")), int(IPv4Address("192.0.2.255")))


@pytest.mark.parametrize("options", [[], [IPOption_RR(length=7, routers=["0.0.0.0"])], [IPOption_RR(length=39)]])
def test_what_scapy_sends_is_sound(options):
    sent = bytes(IP(src="10.0.0.1", dst="10.0.0.2", options=options) / UDP() / b"payload")
    assert fault(BENCH.lay(sent), 0) == Fault.NONE


def test_a_known_header_is_sound():
    assert fault(BENCH.lay(KNOWN, further=0x73 - 20), 0) == Fault.NONE
    assert fault(BENCH.lay(KNOWN[:11] + b"\x62" + KNOWN[12:], further=0x73 - 20), 0) == Fault.CHECKSUM


@given(st.randoms(), st.integers(0, 40), st.booleans())
def test_faults_are_those_of_a_naive_twin(chance, offset, low):
    packet = broken.spoiled(chance, broken.ipv4(chance, broken.transport(chance, 17), 17))
    further = chance.choice((0, 0, 0, 1, 100))
    front = broken.octets(chance, offset)
    assert fault(BENCH.lay(front + packet, further, low), offset) == naive.ipv4_fault(packet, further)


def test_every_length_of_a_sound_packet_is_judged_as_by_the_twin():
    sent = bytes(IP(src="1.2.3.4", dst="5.6.7.8", options=[IPOption_RR(length=39)]) / UDP() / b"end")
    for cut in range(len(sent) + 1):
        for further in {0, 1, len(sent) - cut}:
            assert fault(BENCH.lay(sent[:cut], further), 0) == naive.ipv4_fault(sent[:cut], further)


@pytest.mark.parametrize("first", range(256))
def test_every_first_octet_is_judged_as_by_the_twin(first):
    header = bytearray(KNOWN + bytes(40))
    header[0], header[2:4], header[10:12] = first, b"\0\x3c", b"\0\0"
    covered = bytes(header[: max(20, (first & 15) * 4)])
    header[10:12] = (~naive.ones_sum(covered) & 0xFFFF).to_bytes(2, "big")
    assert fault(BENCH.lay(bytes(header)), 0) == naive.ipv4_fault(bytes(header), 0)


@pytest.mark.parametrize("length", [0, 19, 20, 21, 27, 28, 29, 65535])
def test_a_total_length_that_lies_is_a_fault(length):
    sent = bytes(IP(src="1.2.3.4", dst="5.6.7.8", len=length) / UDP())
    expected = Fault.NONE if 20 <= length <= 28 else Fault.TOTAL_LENGTH
    assert fault(BENCH.lay(sent), 0) == expected == naive.ipv4_fault(sent, 0)


def test_aging_writes_what_linux_writes_for_every_checksum():
    for checksum in range(65536):
        header = KNOWN[:10] + checksum.to_bytes(2, "big") + KNOWN[12:]
        age(BENCH.lay(header), 0)
        assert BENCH.octets() == naive.decrease_ttl(header)


@given(st.integers(1, 255), st.integers(0, 255), st.integers(0, 0xFFFF))
@example(1, 0, 0)
@example(255, 255, 0xFFFF)
@example(1, 255, 0xFFFE)
def test_aging_touches_nothing_else(ttl, protocol, checksum):
    header = KNOWN[:8] + bytes([ttl, protocol]) + checksum.to_bytes(2, "big") + KNOWN[12:]
    age(BENCH.lay(header), 0)
    assert BENCH.octets() == naive.decrease_ttl(header)


def test_aging_keeps_the_checksum_right():
    chance = Random(1812)
    for _ in range(2000):
        source = str(IPv4Address(chance.randrange(1 << 32)))
        packet = IP(ttl=chance.randrange(1, 256), id=chance.randrange(65536), src=source, dst="192.0.2.1")
        BENCH.lay(bytes(packet))
        for _ in range(min(packet.ttl, 5)):
            age(BENCH.address, 0)
        assert fault(BENCH.address, 0) == Fault.NONE
        assert BENCH.octets()[8] == packet.ttl - min(packet.ttl, 5)


@pytest.mark.parametrize(
    ("fragment", "bits"),
    [(0, 0), (0x4000, 8), (0x2000, 2), (0x0001, 6), (0x3FFF, 6), (0x6000, 10), (0x8000, 0), (0xFFFF, 14)],
)
def test_fragment_bits_mean_what_rfc_791_says(fragment, bits):
    header = KNOWN[:6] + fragment.to_bytes(2, "big") + KNOWN[8:]
    assert predicates(BENCH.lay(header), 0) == bits | 20 << 8
    assert predicates(BENCH.lay(b"\x46" + header[1:]), 0) == bits | 1 | 24 << 8


def test_a_header_prints_as_people_read_it():
    assert str(IPv4(_packet(KNOWN), 0)) == "192.168.0.1 > 192.168.0.199 ttl 64 udp length 115"
    odd = bytes(IP(src="1.2.3.4", dst="5.6.7.8", id=7, flags="MF", frag=3, proto=253, ihl=6, ttl=1, len=9))
    text = "1.2.3.4 > 5.6.7.8 ttl 1 protocol 253 fragment 7@24+ version and length 0x46 length 9"
    assert str(IPv4(_packet(odd), 0)) == text


def _packet(octets):
    BENCH.lay(octets)
    return BENCH.packet
