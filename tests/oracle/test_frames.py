"""Ethernet: whose packets a router takes, tags, jumbo frames, and checksums that a host leaves to hardware."""

import random

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet

from tests.namespaces import CLIENT
from tests.oracle.addresses import THIRD4, THIRD6
from tests.oracle.packets import ip4, ip6, to_length, udp
from tests.oracle.pair import Pair
from tests.oracle.peer import Peer
from tests.oracle.programs import tagged

pytestmark = pytest.mark.root

BOTH = [ip4() / udp(), ip6() / udp()]


def framed_to(mac: str, packet: Packet) -> Packet:
    return Ether(src=CLIENT.host_mac, dst=mac) / packet


@pytest.mark.parametrize(
    "mac",
    [
        "02:00:00:00:01:03", "02:00:00:00:02:01", "03:00:00:00:01:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:01", "33:33:00:00:00:01", "01:80:c2:00:00:00", "01:80:c2:00:00:01", "01:80:c2:00:00:0e",
    ],
)  # fmt: skip
def test_a_packet_for_another_mac_is_forwarded_by_neither(pair: Pair, mac: str) -> None:
    outputs = pair.agree("c", [framed_to(mac, packet) for packet in [*BOTH, ip4(ttl=1) / udp()]])
    assert not any(outputs.values())


def test_multicast_in_a_unicast_frame_is_forwarded_by_neither(pair: Pair) -> None:
    outputs = pair.agree("c", [ip4("224.1.2.3") / udp(), ip6("ff0e::1") / udp(), ip4("255.255.255.255") / udp()])
    assert not any(outputs.values())


def test_the_source_mac_makes_no_difference(pair: Pair) -> None:
    macs = [CLIENT.router_mac, "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01", "02:99:99:99:99:99"]
    outputs = pair.agree("c", [Ether(src=mac, dst=CLIENT.router_mac) / packet for mac in macs for packet in BOTH])
    assert outputs.packets == 10


@pytest.mark.parametrize("kind", [0, 46, 0x05DC, 0x05FF, 0x0600, 0x0801, 0x8847, 0x8863, 0x88CC, 0x9000, 0xFFFF])
def test_other_kinds_of_frames_are_forwarded_by_neither(pair: Pair, kind: int) -> None:
    frames = [Ether(src=CLIENT.host_mac, dst=CLIENT.router_mac, type=kind) / bytes(packet) for packet in BOTH]
    assert not any(pair.agree("c", frames).values())


def test_the_family_is_what_the_frame_says(pair: Pair) -> None:
    swapped = [(0x86DD, ip4() / udp()), (0x0800, ip6() / udp()), (0x0806, ip4() / udp())]
    frames = [Ether(src=CLIENT.host_mac, dst=CLIENT.router_mac, type=kind) / bytes(packet) for kind, packet in swapped]
    assert not any(pair.agree("c", frames).values())


def test_frames_of_every_length_meet_the_same_fate(pair: Pair) -> None:
    for packet in BOTH:
        whole = bytes(framed_to(CLIENT.router_mac, packet))
        assert pair.agree("c", [whole[:length] for length in range(14, len(whole) + 1)]).packets == len(whole) - 13


def test_gratuitous_neighbours_change_nothing_that_is_permanent(pair: Pair) -> None:
    claim = ARP(op=2, hwsrc="02:66:66:66:66:66", psrc="10.0.1.2", hwdst="ff:ff:ff:ff:ff:ff", pdst="10.0.1.2")
    assert len(pair.agree("c", [framed_to("ff:ff:ff:ff:ff:ff", claim), *BOTH])["s"]) == 2


@pytest.mark.parametrize("tag", [Dot1Q(vlan=0), Dot1Q(vlan=0, prio=5), Dot1Q(vlan=7), Dot1Q(vlan=4095)])
def test_a_tag_in_the_packet_is_treated_alike(pair: Pair, tag: Packet) -> None:
    """Tag zero is only a priority: Linux forwards such a packet, untagged. Others name networks we are not in."""
    outputs = pair.agree("c", [framed_to(CLIENT.router_mac, tag / packet) for packet in BOTH])
    assert len(outputs["s"]) == (2 if tag.vlan == 0 else 0)


@pytest.mark.parametrize(
    "tag", [Dot1AD(vlan=7), Dot1AD(vlan=0), Dot1AD(vlan=3) / Dot1Q(vlan=4), Dot1Q(vlan=0) / Dot1Q(vlan=9)]
)
def test_stacked_tags_are_treated_alike(pair: Pair, tag: Packet) -> None:
    assert pair.agree("c", [framed_to(CLIENT.router_mac, tag / packet) for packet in BOTH]).packets == 2


def test_a_tag_cut_short_is_forwarded_by_neither(pair: Pair) -> None:
    whole = bytes(framed_to(CLIENT.router_mac, Dot1Q(vlan=7) / ip4() / udp()))
    assert not any(pair.agree("c", [whole[:length] for length in range(14, 40)]).values())


@pytest.mark.parametrize("vlan", [0, 7, 4095])
def test_a_tag_beside_the_packet_is_treated_alike(pair: Pair, vlan: int) -> None:
    """As hardware and veth strip it: the packet itself looks untagged."""
    for network in pair.networks:
        host = network.topology.hosts["c"]
        with tagged(host, CLIENT.far, vlan), Peer(host, CLIENT.far, bypass=False) as through_tc:
            through_tc.send(bytes(framed_to(CLIENT.router_mac, packet)) for packet in BOTH)
    outputs = pair.agree("c", [ip4(ttl=64, id=1) / udp(b"last")])
    assert len(outputs["s"]) == (3 if vlan == 0 else 1)


def test_jumbo_frames_are_forwarded_alike(jumbo_pair: Pair) -> None:
    sizes = [1500, 1501, 2047, 2048, 2049, 3000, 3520, 4096, 8192, 8999, 9000]
    packets = [to_length(packet, size) for packet in BOTH for size in sizes]
    assert len(jumbo_pair.agree("c", packets)["s"]) == len(packets)


def test_jumbo_frames_are_cut_and_answered_alike(jumbo_pair: Pair) -> None:
    packets = [
        to_length(packet, size)
        for packet in (ip4(THIRD4) / udp(b""), ip4(THIRD4, flags="DF") / udp(b""), ip6(THIRD6) / udp(b""))
        for size in (1499, 1500, 1501, 2048, 2049, 4000, 9000)
    ]
    outputs = jumbo_pair.agree("c", packets)
    assert len(outputs["c"]) == 10


def left_to_hardware(packet: Packet, field: str) -> bytes:
    """The packet with the pseudo header's part as its checksum, as a host leaves it that has checksum offload."""
    whole = framed_to(CLIENT.router_mac, packet)
    layer = whole[UDP] if field == "udp" else whole[TCP]
    length = len(bytes(layer))
    address = 4 if whole.type == 0x0800 else 16
    octets = bytes(whole)
    start = len(octets) - length
    ends = octets[start - 2 * address : start]
    total = sum(int.from_bytes(ends[place : place + 2], "big") for place in range(0, 2 * address, 2))
    total += length + (17 if field == "udp" else 6)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    layer.chksum = total
    return bytes(whole)


@pytest.mark.parametrize("field", ["udp", "tcp"])
@pytest.mark.parametrize("header", [ip4(), ip6()], ids=["IPv4", "IPv6"])
def test_a_checksum_left_to_hardware_is_right_when_it_comes_out(pair: Pair, header: Packet, field: str) -> None:
    chance = random.Random(field)
    for length in (0, 1, 7, 8, 100, 1400):
        payload = chance.randbytes(length)
        packet = header / (UDP(sport=5, dport=6) if field == "udp" else TCP(sport=5, dport=6)) / payload
        octets = left_to_hardware(packet, field)
        start = 14 + len(bytes(header))
        for network in pair.networks:
            network.peers["c"].send_offloaded(octets, start, 6 if field == "udp" else 16)
        (arrived,) = pair.agree("c", [])["s"]
        assert arrived[start:] == bytes(framed_to(CLIENT.router_mac, packet))[start:]


def test_checksums_that_are_wrong_stay_wrong(pair: Pair) -> None:
    """A router forwards what hosts get wrong among themselves, untouched."""
    chance = random.Random(1)
    sums = [0, 1, 0xFFFF, *(chance.randrange(65536) for _ in range(40))]
    packets = []
    for value in sums:
        for header, echo in ((ip4(), ICMP(chksum=value)), (ip6(), ICMPv6EchoRequest(cksum=value))):
            packets += [header / udp(chksum=value), header / TCP(chksum=value), header / echo]
    assert len(pair.agree("c", packets)["s"]) == len(packets)


def test_a_complete_checksum_that_looks_partial_survives(pair: Pair) -> None:
    """The sum over a payload may be what the pseudo header alone gives; such a packet is complete already."""
    for packet in (ip4() / udp(b""), ip6() / udp(b"")):
        whole = left_to_hardware(packet / bytes(2), "udp")
        complete = bytearray(whole)
        partial = int.from_bytes(complete[-4:-2], "big")
        ports_and_length = sum(int.from_bytes(complete[-10 + 2 * word : -8 + 2 * word], "big") for word in range(3))
        filler = (0xFFFF - (2 * partial + ports_and_length) % 0xFFFF) % 0xFFFF
        complete[-2:] = filler.to_bytes(2, "big")
        (arrived,) = pair.agree("c", [bytes(complete)])["s"]
        assert arrived[-4:] == complete[-4:]
