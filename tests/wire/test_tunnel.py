"""What tunnels carry, found where scapy puts it, and not where it is cut, spoiled or something else."""

import pytest
from scapy.layers.inet import GRE, IP, UDP, Ether
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from bise.hot import add64, entry, shift_left64
from bise.wire import geneve, gre, tunnel, vxlan
from bise.wire.ethernet import EtherType
from tests.wire.packet import Bench, Notes

BENCH = Bench()
FRAME = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
FOUR, SIX = IP(src="10.0.0.1", dst="10.0.0.2") / b"x", IPv6(src="2001:db8::1", dst="2001:db8::2") / b"x"
OPTIONS = bytes.fromhex("0240655800000500 0000000000000000")
WAYS = [
    (47, GRE(), 4),
    (47, GRE(chksum_present=1, key_present=1, seqnum_present=1), 16),
    (47, GRE(proto=0x6558) / FRAME, 18),
    (17, UDP(dport=4789) / VXLAN(vni=5) / FRAME, 30),
    (17, UDP(dport=8472) / VXLAN(vni=5) / FRAME / Dot1Q(vlan=9), 34),
    (17, UDP(dport=6081) / Raw(OPTIONS) / FRAME, 38),
]


@entry(4)
def inner(packet, protocol, offset, octets):
    """The EtherType in the upper half, the offset in the lower."""
    kind, at = tunnel.inner(Notes(packet), protocol, offset, octets)
    return add64(shift_left64(kind, 32), at)


def found(protocol, octets, size=None):
    answer = inner(BENCH.lay(octets), protocol, 0, len(octets) if size is None else size)
    return answer >> 32, answer & 0xFFFFFFFF


@pytest.mark.parametrize(("protocol", "way", "at"), WAYS, ids=range(len(WAYS)))
@pytest.mark.parametrize(("carried", "kind"), [(FOUR, EtherType.IPV4), (SIX, EtherType.IPV6)], ids=["4", "6"])
def test_the_inner_header_is_where_scapy_puts_it(protocol, way, at, carried, kind):
    assert found(protocol, bytes(way / carried)) == (kind, at)


def test_ip_in_ip_begins_at_once():
    assert found(4, bytes(FOUR)) == (EtherType.IPV4, 0)
    assert found(41, bytes(SIX)) == (EtherType.IPV6, 0)


@pytest.mark.parametrize(("protocol", "way"), [(protocol, way) for protocol, way, _ in WAYS], ids=range(len(WAYS)))
def test_what_is_cut_is_not_trusted(protocol, way):
    sent = bytes(way / FOUR)
    for cut in range(len(sent)):
        assert found(protocol, sent[:cut])[0] == 0
        assert found(protocol, sent, cut)[0] == 0


@pytest.mark.parametrize(
    ("protocol", "octets"),
    [
        (6, bytes(FOUR)),
        (4, bytes(SIX)),
        (41, bytes(FOUR)),
        (47, b"\0\1" + bytes(GRE() / FOUR)[2:]),
        (47, b"\x40\0" + bytes(GRE() / FOUR)[2:]),
        (47, bytes(GRE(proto=0x880B) / FOUR)),
        (17, bytes(UDP(dport=4790) / VXLAN(vni=5) / FRAME / FOUR)),
        (17, bytes(UDP(dport=4789) / VXLAN(flags=0) / FRAME / FOUR)),
        (17, bytes(UDP(dport=6081) / Raw(b"\x40" + OPTIONS[1:]) / FRAME / FOUR)),
        (17, bytes(UDP(dport=4789, len=7) / VXLAN(vni=5) / FRAME / FOUR)),
    ],
    ids=range(10),
)
def test_what_is_no_tunnel_carries_nothing(protocol, octets):
    assert found(protocol, octets)[0] == 0


def test_headers_print_as_people_read_them():
    for octets, header, text in (
        (bytes(GRE(proto=0x0800, key_present=1)), gre.GRE, "gre ipv4 flags 0x2000"),
        (bytes(VXLAN(vni=77)), vxlan.VXLAN, "vxlan 77"),
        (OPTIONS, geneve.Geneve, "geneve 5 ethernet"),
    ):
        BENCH.lay(octets)
        assert str(header(BENCH.packet, 0)) == text
