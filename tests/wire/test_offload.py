"""Completed checksums against scapy's, packets that must stay as they are, and a naive twin on broken ones."""

import struct
from socket import AF_INET, AF_INET6, inet_pton

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, Ether
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1Q
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from bise.hot import entry
from bise.wire import offload
from bise.wire.offload import Completion
from tests.wire import broken, naive
from tests.wire.naive_offload import complete
from tests.wire.packet import Bench, Notes

BENCH = Bench()
FRAME = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")  # given, or scapy asks the network
FOUR, SIX = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")
SEGMENTS = [
    TCP() / b"odd",
    TCP(),
    UDP() / b"even",
    UDP(),
    UDP(sport=0xFFFF) / bytes(900),
    SCTP() / SCTPChunkData(data=b"x"),
]
WAYS = [
    (),
    (GRE(),),
    (GRE(key_present=1, seqnum_present=1, key=7, sequence_number=9),),
    (UDP(dport=4789, chksum=0) / VXLAN(vni=5) / FRAME,),
    (UDP(dport=8472, chksum=0) / VXLAN(vni=5) / FRAME / Dot1Q(vlan=5),),
    (UDP(dport=6081, chksum=0) / Raw(bytes.fromhex("0140655800000500 00000000")) / FRAME,),
]


@entry(2)
def complete_ipv4(packet, offset):
    return offload.complete_ipv4(Notes(packet), offset)


@entry(2)
def complete_ipv6(packet, offset):
    return offload.complete_ipv6(Notes(packet), offset)


def completed(octets, further=0, low=False):
    call = complete_ipv4 if octets[0] >> 4 == 4 else complete_ipv6
    return call(BENCH.lay(octets, further, low), 0), BENCH.octets()


def partial(packet):
    """The octets with the last checksum as a sender with offload leaves it, and where its segment begins."""
    segment = [layer for layer in map(packet.getlayer, range(99)) if isinstance(layer, TCP | UDP | SCTP)][-1]
    whole, length = bytes(packet), len(bytes(segment))
    at = len(whole) - length
    if isinstance(segment, SCTP):
        return whole[: at + 8] + bytes(4) + whole[at + 12 :], at
    ip = segment.underlayer
    while not isinstance(ip, IP | IPv6):
        ip = ip.underlayer
    family, protocol = (AF_INET if isinstance(ip, IP) else AF_INET6), (6 if isinstance(segment, TCP) else 17)
    pseudo = inet_pton(family, ip.src) + inet_pton(family, ip.dst) + struct.pack(">HH", protocol, length)
    place = at + (16 if protocol == 6 else 6)
    return whole[:place] + struct.pack(">H", naive.ones_sum(pseudo)) + whole[place + 2 :], at


@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
@pytest.mark.parametrize("segment", SEGMENTS, ids=range(len(SEGMENTS)))
@pytest.mark.parametrize("inner", [FOUR, SIX], ids=["4", "6"])
@pytest.mark.parametrize("outer", [FOUR, SIX], ids=["4", "6"])
def test_a_partial_checksum_becomes_scapys(outer, inner, segment, way):
    packet = (outer / way[0] / inner if way else inner) / segment
    whole = bytes(packet)
    left, _ = partial(packet.__class__(whole) if not way or Raw not in packet else packet)
    assert left != whole
    assert completed(left) == (Completion.COMPLETED, whole)
    assert completed(left + b"padding") == (Completion.COMPLETED, whole + b"padding")


@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
@pytest.mark.parametrize("segment", SEGMENTS, ids=range(len(SEGMENTS)))
@pytest.mark.parametrize("inner", [FOUR, SIX], ids=["4", "6"])
def test_a_complete_checksum_stays(inner, segment, way):
    whole = bytes(FOUR / way[0] / inner / segment if way else inner / segment)
    assert completed(whole) == (Completion.UNTOUCHED, whole)


@pytest.mark.parametrize(
    "packet",
    [
        FOUR / UDP(chksum=0) / b"none",
        IP(flags="MF") / UDP() / bytes(8),
        IP(frag=3) / UDP() / bytes(8),
        FOUR / ICMP(chksum=0),
        FOUR / Raw(b"short"),
        IP(proto=6) / Raw(b"too short for tcp"),
        IP(proto=17) / Raw(b"short"),
        IP(proto=132) / Raw(b"too short"),
        FOUR / UDP(len=9) / b"longer than it says",
        SIX / IPv6ExtHdrFragment(m=1) / TCP(chksum=0),
        IPv6(nh=60, plen=0) / b"",
    ],
    ids=range(11),
)
def test_what_has_no_partial_checksum_stays(packet):
    whole = bytes(packet)
    left = naive.ones_sum(whole[12:20] + b"\0\x11" + whole[24:26]).to_bytes(2, "big")  # partial, were it a datagram
    for octets in (
        whole,
        whole[:26] + left + whole[28:] if packet.haslayer(UDP) and packet[UDP].chksum is None else whole,
    ):
        assert completed(octets) == (Completion.UNTOUCHED, octets)


def test_zero_is_sent_as_all_ones():
    # The sum of everything is 0xffff here, whose complement would say "no checksum" (RFC 768).
    for layer in (UDP(sport=0, dport=0), TCP(sport=0, dport=0, window=0)):
        whole = bytearray(bytes(IP(src="0.0.0.0", dst="0.0.0.0") / layer / b"\0\0"))
        left, at = partial(IP(bytes(whole)))
        rest = naive.ones_sum(left[at:])
        left = left[:-2] + (0xFFFF - rest).to_bytes(2, "big")
        result, octets = completed(left)
        place = at + (6 if isinstance(layer, UDP) else 16)
        assert (result, octets[place : place + 2]) == (Completion.COMPLETED, b"\xff\xff")


def test_completing_behind_extension_headers():
    packet = SIX / IPv6ExtHdrDestOpt() / UDP() / b"behind"
    whole = bytes(packet)
    left, _ = partial(IPv6(whole))
    assert completed(left) == (Completion.COMPLETED, whole)


@pytest.mark.parametrize("cut", [1, 4, 12, 13, 14, 15, 16, 17])
def test_a_packet_in_pieces_is_said_to_be(cut):
    left, _ = partial(IP(bytes(FOUR / UDP() / b"somewhere")))
    assert completed(left[:-cut], further=cut) == (Completion.SPLIT, left[:-cut])


def test_completing_what_was_complete_by_chance_changes_nothing():
    whole = bytearray(bytes(FOUR / UDP() / bytes(10)))
    pseudo = naive.ones_sum(bytes(whole[12:20]) + b"\0\x11" + whole[24:26])
    whole[26:28] = pseudo.to_bytes(2, "big")
    rest = naive.ones_sum(bytes(whole[20:]))  # the pseudo header's sum once: the checksum stands for it the second time
    content = (0xFFFF - naive.ones_sum(rest.to_bytes(2, "big") + pseudo.to_bytes(2, "big"))).to_bytes(2, "big")
    whole[28:30] = content
    assert IP(bytes(whole))[UDP].chksum == IP(bytes(FOUR / UDP() / whole[28:]))[UDP].chksum
    assert completed(bytes(whole)) == (Completion.COMPLETED, bytes(whole))


@given(st.randoms(), st.sampled_from([4, 6]), st.booleans())
def test_completing_is_that_of_a_naive_twin(chance, version, low):
    make = broken.ipv4 if version == 4 else broken.ipv6
    protocol = chance.choice(broken.PROTOCOLS)
    octets = make(chance, broken.offloaded(chance, protocol), protocol)
    octets = broken.left_partial(chance, octets, version)
    further = chance.choice((0, 0, 1, 100, 9000))
    fault = naive.ipv4_fault if version == 4 else naive.ipv6_fault
    assume(fault(octets, further) == 0)  # completing is for trusted headers alone
    assert completed(octets, further, low) == complete(octets, further, version)
