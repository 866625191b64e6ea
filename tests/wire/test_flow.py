"""Flows are told apart, and both directions of one are not, nor what belongs to it; the numbers are naively found."""

from collections import Counter
from ipaddress import ip_address
from random import Random

import pytest
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, Ether
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q
from scapy.layers.sctp import SCTP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from bise.hot import entry
from bise.wire.flow import flow_number
from tests.wire.packet import Bench, Notes

BENCH = Bench()
MASK = (1 << 64) - 1
OUTER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
HERE4, THERE4 = "10.0.0.1", "192.0.2.77"
HERE6, THERE6 = "2001:db8::1", "2001:db8:ffff::77"
GENEVE = Raw(bytes.fromhex("0000655800000500"))
PORTS = (UDP(sport=4000, dport=53), TCP(sport=4000, dport=53), SCTP(sport=4000, dport=53))


@entry(1)
def number_of(packet):
    return flow_number(Notes(packet))


def number(packet) -> int:
    return number_of(BENCH.lay(bytes(packet)))


def one_end(address: str, port: int) -> int:
    octets, last = ip_address(address).packed, int.from_bytes(port.to_bytes(2, "big"), "little") << 32
    high, low = (int.from_bytes(part, "little") for part in (octets[:-8], octets[-8:]))
    value = (high * 0xC2B2AE3D27D4EB4F + low & MASK) ^ last if ":" in address else low | last
    value = value * 0x9E3779B97F4A7C15 & MASK
    return value * (value >> 32) & MASK


def naive(here: str, there: str, ports: tuple[int, int] = (4000, 53)) -> int:
    return ((one_end(here, ports[0]) + one_end(there, ports[1])) & MASK) >> 32


def network(family: int, back: bool = False):
    ends = (HERE4, THERE4) if family == 4 else (HERE6, THERE6)
    return (IP if family == 4 else IPv6)(src=ends[back], dst=ends[not back])


def turned(transport):
    return type(transport)(sport=transport.dport, dport=transport.sport)


def around(way, inner):
    """The inner packet in a tunnel between other hosts."""
    if way == "ip":
        return IP(src="198.18.0.1", dst="198.18.0.2") / inner
    if way == "gre":
        return IP(src="198.18.0.1", dst="198.18.0.2") / GRE(key_present=1) / inner
    if way == "gre6":
        return IPv6(src="2001:db8:1::1", dst="2001:db8:1::2") / GRE() / inner
    port, header = (4789, VXLAN(vni=5)) if way == "vxlan" else (6081, GENEVE)
    return IP(src="198.18.0.1", dst="198.18.0.2") / UDP(sport=50_000, dport=port) / header / OUTER / inner


@pytest.mark.parametrize("transport", PORTS, ids=["udp", "tcp", "sctp"])
@pytest.mark.parametrize("family", [4, 6])
def test_both_directions_have_the_naive_number(family, transport):
    expected = naive(*((HERE4, THERE4) if family == 4 else (HERE6, THERE6)))
    assert number(OUTER / network(family) / transport / b"x") == expected
    assert number(OUTER / network(family, back=True) / turned(transport) / b"xyz") == expected


@pytest.mark.parametrize("way", ["ip", "gre", "gre6", "vxlan", "geneve"])
@pytest.mark.parametrize("family", [4, 6])
def test_a_tunnelled_packet_is_of_the_inner_flow(way, family):
    inner = network(family) / PORTS[0] / b"x"
    assert number(OUTER / around(way, inner)) == number(OUTER / inner)
    assert number(OUTER / around(way, network(family, back=True) / turned(PORTS[0]))) == number(OUTER / inner)


def test_what_a_tunnel_hides_leaves_the_outer_flow():
    for way in ("vxlan", "geneve"):
        packet = around(way, Raw(b"no packet"))
        assert number(OUTER / packet) == naive("198.18.0.1", "198.18.0.2", (packet.sport, packet.dport))


def test_options_extensions_and_tags_change_nothing():
    plain, plain6 = number(OUTER / network(4) / PORTS[0]), number(OUTER / network(6) / PORTS[0])
    with_options = network(4)
    with_options.options = [b"\x07\x07\x04\0\0\0\0\0"]
    assert number(OUTER / with_options / PORTS[0]) == plain
    assert number(OUTER / Dot1Q(vlan=7) / network(4) / PORTS[0]) == plain
    assert number(OUTER / Dot1Q(vlan=7) / Dot1Q(vlan=8) / network(6) / PORTS[0]) == plain6
    assert number(OUTER / network(6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / PORTS[0]) == plain6


@pytest.mark.parametrize("offset", [0, 185])
def test_fragments_go_by_their_addresses_alone(offset):
    expected = naive(HERE4, THERE4, (0, 0))
    fragment = IP(src=HERE4, dst=THERE4, flags="MF" if offset == 0 else 0, frag=offset)
    assert number(OUTER / fragment / PORTS[0]) == expected
    assert number(OUTER / around("gre", fragment / PORTS[0])) == expected
    six = network(6) / IPv6ExtHdrFragment(offset=offset, m=offset == 0) / PORTS[0]
    assert number(OUTER / six) == naive(HERE6, THERE6, (0, 0))


def test_a_fragment_of_a_tunnel_is_of_the_outer_flow():
    whole = bytes(around("gre", network(4) / PORTS[0]).payload)
    first = IP(src="198.18.0.1", dst="198.18.0.2", proto=47, flags="MF") / Raw(whole)
    assert number(OUTER / first) == naive("198.18.0.1", "198.18.0.2", (0, 0))


def test_what_has_no_ports_goes_by_addresses():
    assert number(OUTER / network(4) / ICMP()) == naive(HERE4, THERE4, (0, 0))
    assert number(OUTER / network(4, back=True) / ICMP(type=0)) == naive(HERE4, THERE4, (0, 0))


def test_what_is_no_flow_is_number_0():
    broken = network(4)
    broken.chksum = 1
    assert {number(one) for one in (OUTER / ARP(), OUTER / broken / ICMP(), OUTER / Raw(b"x"))} == {0}


@pytest.mark.parametrize("family", [4, 6])
def test_cut_packets_are_read_no_further(family):
    """The octets lie before memory that nobody may touch."""
    for packet in (network(family) / PORTS[0], around("vxlan", network(family) / PORTS[0]), around("gre", network(4))):
        octets, headers = bytes(OUTER / packet), len(OUTER / type(packet)())
        for cut in range(len(octets)):
            numbers = {number_of(BENCH.lay(octets[:cut], further)) for further in (0, len(octets) - cut)}
            assert cut >= headers or numbers == {0}


def flows(kind: str, random: Random):
    """Two ends each, as they come in practice."""
    for count in range(4096):
        low = 1024 + count * 16 if kind == "ports" else 4000
        host = f"10.{count >> 8}.{count & 255}.1" if kind == "sources" else HERE4
        other = str(ip_address(random.getrandbits(32))) if kind == "random" else THERE4
        if kind == "opposite":
            host, other = f"10.0.{count >> 8}.{count & 255}", f"10.1.{15 - (count >> 8)}.{255 - (count & 255)}"
        yield host, other, low & 0xFFFF


@pytest.mark.parametrize("kind", ["ports", "sources", "random", "opposite"])
def test_flows_spread_evenly(kind):
    packets = (IP(src=here, dst=there) / UDP(sport=port, dport=443) for here, there, port in flows(kind, Random(1)))
    found = Counter(naive(p.src, p.dst, (p.sport, p.dport)) & 255 for p in packets)
    assert len(found) > 240
    assert max(found.values()) < 3 * 4096 / 256
