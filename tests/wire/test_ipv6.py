"""IPv6 headers against scapy's octets, RFC 4291's addresses and a naive twin of Linux's checks."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6 as Sent
from scapy.layers.inet6 import (
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH

from bise.hot import add64, entry, shift_left64
from bise.wire import ipv6
from bise.wire.ipv6 import Fault, IPv6
from tests.wire import broken, naive
from tests.wire.packet import Bench, Notes

BENCH = Bench()


@entry(2)
def fault(packet, offset):
    return ipv6.fault(Notes(packet), offset)


@entry(2)
def upper_layer(packet, offset):
    """The protocol in the upper half, the offset in the lower."""
    protocol, at = ipv6.upper_layer(Notes(packet), offset)
    return add64(shift_left64(protocol, 32), at)


@entry(2)
def age(packet, offset):
    ipv6.age(IPv6(Notes(packet), offset))
    return 0


@entry(2)
def kinds(high, low):
    """One bit each, by the kind of address."""
    bits = ipv6.is_multicast(high) | ipv6.is_link_local(high) << 1 | ipv6.is_unusual(high) << 4
    return bits | ipv6.is_loopback(high, low) << 2 | ipv6.is_unspecified(high, low) << 3


def test_fields_are_where_scapy_puts_them():
    sent = bytes(Sent(tc=0x2E, fl=0x12345, hlim=9, src="2001:db8::1", dst="fe80::ffff") / UDP())
    BENCH.lay(sent)
    ip = IPv6(BENCH.packet, 0)
    assert (ip.version_class_flow, ip.payload_length, ip.next_header, ip.hop_limit) == (0x62E12345, 8, 17, 9)
    assert (ip.source_high, ip.source_low) == (0x20010DB800000000, 1)
    assert (ip.destination_high % (1 << 64), ip.destination_low) == (0xFE80 << 48, 0xFFFF)
    assert str(ip) == "2001:db8::1 > fe80::ffff hop limit 9 udp length 8"


@given(st.randoms(), st.integers(0, 40), st.booleans())
def test_faults_are_those_of_a_naive_twin(chance, offset, low):
    packet = broken.spoiled(chance, broken.ipv6(chance, broken.transport(chance, 17), 17))
    further = chance.choice((0, 0, 0, 1, 100))
    front = broken.octets(chance, offset)
    assert fault(BENCH.lay(front + packet, further, low), offset) == naive.ipv6_fault(packet, further)


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("2001:db8::1", "2001:db8::2", Fault.NONE),
        ("::", "2001:db8::2", Fault.NONE),  # not for ip6_rcv_core: forwarding refuses it
        ("::1", "2001:db8::2", Fault.SOURCE),
        ("ff02::1", "2001:db8::2", Fault.SOURCE),
        ("ff0e::1", "2001:db8::2", Fault.SOURCE),
        ("::ffff:10.0.0.1", "2001:db8::2", Fault.NONE),
        ("2001:db8::1", "::1", Fault.DESTINATION),
        ("2001:db8::1", "::2", Fault.NONE),
        ("2001:db8::1", "8000::1", Fault.NONE),
        ("2001:db8::1", "ff00::1", Fault.DESTINATION),
        ("2001:db8::1", "ff01::1", Fault.DESTINATION),
        ("2001:db8::1", "ff31::1", Fault.DESTINATION),
        ("2001:db8::1", "ff02::1", Fault.NONE),
        ("2001:db8::1", "ff0f::1", Fault.NONE),
        ("fe80::1", "fe80::2", Fault.NONE),
    ],
)
def test_addresses_that_no_wire_may_carry_are_faults(source, destination, expected):
    sent = bytes(Sent(src=source, dst=destination) / UDP())
    assert fault(BENCH.lay(sent), 0) == expected == naive.ipv6_fault(sent, 0)


@pytest.mark.parametrize("length", [0, 1, 8, 9, 65535])
@pytest.mark.parametrize("further", [0, 1, 65527])
def test_a_payload_length_that_lies_is_a_fault(length, further):
    sent = bytes(Sent(src="2001:db8::1", dst="2001:db8::2", plen=length) / UDP())
    expected = Fault.NONE if length <= 8 + further else Fault.PAYLOAD_LENGTH
    assert fault(BENCH.lay(sent, further), 0) == expected


def test_a_jumbo_payload_is_left_to_its_option():
    sent = bytes(Sent(src="2001:db8::1", dst="2001:db8::2", nh=0, plen=0))
    assert fault(BENCH.lay(sent), 0) == Fault.NONE


@pytest.mark.parametrize("cut", range(49))
def test_a_cut_header_is_short(cut):
    sent = bytes(Sent(src="2001:db8::1", dst="2001:db8::2") / UDP())
    assert fault(BENCH.lay(sent[:cut], further=48 - cut), 0) == (Fault.SHORT if cut < 40 else Fault.NONE)


@pytest.mark.parametrize(
    ("extensions", "protocol", "octets"),
    [
        (UDP(), 17, 0),
        (IPv6ExtHdrDestOpt() / UDP(), 17, 8),
        (IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=["2001:db8::9"] * 2) / UDP(), 17, 8 + 40),
        (IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(offset=9, nh=17) / b"piece", 44, 8),
        (IPv6ExtHdrFragment(offset=0, m=0) / UDP(), 44, 0),
        (AH(nh=17, payloadlen=4, icv=bytes(12)) / UDP(), 17, 24),
        (b"", 59, 0),
    ],
)
def test_the_upper_layer_is_where_scapy_puts_it(extensions, protocol, octets):
    packet = Sent(src="2001:db8::1", dst="2001:db8::2") / extensions
    sent = bytes(packet) if extensions else bytes(Sent(src="2001:db8::1", dst="2001:db8::2", nh=59))
    assert upper_layer(BENCH.lay(bytes(14) + sent), 14) == protocol << 32 | 14 + 40 + octets


@given(st.randoms(), st.booleans())
def test_the_upper_layer_is_that_of_a_naive_twin(chance, low):
    packet = broken.ipv6(chance, broken.transport(chance, 6), 6)
    packet = packet[:40] + broken.spoiled(chance, packet[40:])
    protocol, at = naive.upper_layer(packet)
    assert upper_layer(BENCH.lay(packet, low=low), 0) == (protocol << 32) + at


_EDGES = [number << 112 for number in (1 << 15, 0xFE7F, 0xFE80, 0xFEBF, 0xFEC0, 0xFEFF, 0xFF00)]


@given(st.integers(0, (1 << 128) - 1) | st.sampled_from([0, 1, 2, (1 << 64) - 1, 1 << 64, *_EDGES]))
def test_kinds_of_addresses_are_those_of_rfc_4291(number):
    address = IPv6Address(number)
    bits = address.is_multicast | address.is_link_local << 1 | address.is_loopback << 2 | address.is_unspecified << 3
    bits |= (number < 1 << 64 or number >= 0xFE80 << 112) << 4
    halves = (_signed(number >> 64), _signed(number % (1 << 64)))
    assert kinds(*halves) == bits
    assert ipv6.address_text(*halves) == str(address)


@pytest.mark.parametrize("limit", [1, 2, 64, 128, 255])
def test_aging_takes_one_hop_and_touches_nothing_else(limit):
    sent = bytes(Sent(hlim=limit, src="2001:db8::1", dst="2001:db8::2") / UDP())
    age(BENCH.lay(sent), 0)
    assert BENCH.octets() == sent[:7] + bytes([limit - 1]) + sent[8:]


def _signed(half):
    return half - (1 << 64) if half >> 63 else half
