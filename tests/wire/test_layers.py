"""Headers for people to read, against scapy's idea of the same octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN

from bise.wire.layers import changes, layers

FRAME = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IPV4 = IP(src="10.0.0.1", dst="20.1.2.3", ttl=64)
IPV6 = IPv6(src="2001:db8::1", dst="2001:db8:1::2", hlim=64)
NAMES = {"Ether": "ethernet", "IP": "ipv4", "Dot1Q": "tag", "IPv6ExtHdrHopByHop": "extension"}
NAMES |= {"IPv6ExtHdrFragment": "fragment"}


@pytest.mark.parametrize(
    "packet",
    [
        FRAME / ARP(),
        FRAME / IPV4 / UDP(sport=1, dport=53),
        FRAME / Dot1Q(vlan=7) / IPV4 / ICMP(),
        FRAME / IPV4 / GRE() / IPV6 / TCP(),
        FRAME / IPV4 / UDP(dport=4789) / VXLAN(vni=5) / FRAME / IPV6 / UDP(dport=53),
        FRAME / IPV6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment() / UDP(dport=53),
        FRAME / IPV4 / IPV4 / TCP(),
    ],
)
def test_the_headers_are_those_that_scapy_put_there(packet):
    wanted, at = [], 0
    for layer in packet.iterpayloads():
        wanted.append((NAMES.get(type(layer).__name__, type(layer).__name__.lower()), at))
        at += len(layer.self_build())
    found = layers(bytes(packet))
    assert [(layer.name, layer.offset) for layer in found] == wanted
    assert all(str(layer) for layer in found)


def test_what_changed_is_named_by_its_field():
    before = bytes(FRAME / IPV4 / UDP(dport=53))
    aged = Ether(before)
    aged[IP].ttl, aged.dst = 63, "02:00:00:00:00:09"
    texts = changes(before, bytes(aged))
    assert texts == ["ethernet.destination 02:00:00:00:00:02 → 02:00:00:00:00:09", "ipv4.ttl 64 → 63"]
    other = Ether(bytes(FRAME / IPV6))
    other[IPv6].src = "2001:db8::9"
    assert changes(bytes(FRAME / IPV6), bytes(other)) == ["ipv6.source 2001:db8::1 → 2001:db8::9"]


def test_what_is_another_packet_now_is_shown_whole():
    (text,) = changes(bytes(FRAME / IPV4 / GRE() / IPV6), bytes(FRAME / IPV6))
    assert text.startswith("now ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02 ipv6, ipv6 2001:db8::1 >")


@given(st.binary(max_size=120), st.integers(0, 60))
def test_any_octets_have_some_headers(octets, cut):
    packet = bytes(FRAME / IPV4 / GRE() / IPV6 / TCP())[:cut] + octets
    for layer in layers(packet):
        assert 0 <= layer.offset <= len(packet) - layer.header.size
        assert str(layer)
    assert changes(packet, packet) == []
