"""IPv6 as RFC 8200 and RFC 4443 ask and as Linux does it."""

import pytest
from scapy.layers.inet import TCP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Jumbo,
    Pad1,
    PadN,
    RouterAlert,
)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.namespaces import CLIENT
from tests.oracle.addresses import (
    DESTINATIONS6,
    ODD_DESTINATIONS6,
    ODD_SOURCES6,
    SERVER6,
    THIRD6,
)
from tests.oracle.packets import framed, ip6, to_length, udp
from tests.oracle.pair import Pair

pytestmark = pytest.mark.root

WHOLE = ip6() / udp(b"twelve bytes")


def set_octets(place: int, value: bytes) -> bytes:
    octets = bytes(WHOLE)
    return framed(CLIENT, octets[:place] + value + octets[place + len(value) :], 0x86DD)


def test_an_ordinary_packet_is_forwarded_by_both(pair: Pair) -> None:
    packets = [WHOLE, ip6() / TCP(), ip6() / ICMPv6EchoRequest(), ip6(nh=253) / b"x", ip6(nh=59), ip6(nh=59) / b"x"]
    assert len(pair.agree("c", packets)["s"]) == len(packets)


def test_all_destinations_meet_the_same_fate(pair: Pair) -> None:
    outputs = pair.agree("c", [ip6(address) / udp() for address in DESTINATIONS6])
    assert outputs["s"]
    assert outputs["t"]


@pytest.mark.parametrize("length", range(40))
def test_a_packet_shorter_than_a_header_is_forwarded_by_neither(pair: Pair, length: int) -> None:
    assert not any(pair.agree("c", [framed(CLIENT, bytes(WHOLE)[:length], 0x86DD)]).values())


@pytest.mark.parametrize("version", [version for version in range(16) if version != 6])
def test_a_packet_of_another_version_is_forwarded_by_neither(pair: Pair, version: int) -> None:
    assert not any(pair.agree("c", [set_octets(0, bytes([version << 4]))]).values())


@pytest.mark.parametrize("length", [0, 21, 22, 1000, 65535])
def test_a_payload_length_that_cannot_be_meets_the_same_fate(pair: Pair, length: int) -> None:
    outputs = pair.agree("c", [set_octets(4, length.to_bytes(2, "big"))])
    assert bool(outputs["s"]) == (length == 0)  # Linux takes zero as it comes: nothing but a header, and padding


@pytest.mark.parametrize("length", [1, 7, 8, 19])
def test_what_follows_the_payload_is_forwarded_by_neither(pair: Pair, length: int) -> None:
    (packet,) = pair.agree("c", [set_octets(4, length.to_bytes(2, "big"))])["s"]
    assert len(packet) == 14 + 40 + length


@pytest.mark.parametrize("padding", [1, 6, 46, 500])
def test_padding_is_left_behind_by_both(pair: Pair, padding: int) -> None:
    (packet,) = pair.agree("c", [framed(CLIENT, bytes(WHOLE) + bytes(padding), 0x86DD)])["s"]
    assert len(packet) == 14 + len(WHOLE)


def test_every_hop_limit_is_counted_down_by_both(pair: Pair) -> None:
    outputs = pair.agree("c", [ip6(hlim=hops) / udp() for hops in range(256)])
    assert sorted(packet[21] for packet in outputs["s"]) == list(range(1, 255))
    assert all(Ether(packet).haslayer(ICMPv6TimeExceeded) for packet in outputs["c"])
    assert len(outputs["c"]) == 2


@pytest.mark.parametrize("destination", DESTINATIONS6)
def test_the_last_hop_comes_before_or_after_the_route_for_both(pair: Pair, destination: str) -> None:
    assert pair.agree("c", [ip6(destination, hlim=hops) / udp() for hops in (0, 1, 2)]).packets == 3


@pytest.mark.parametrize("label", [0, 1, 0xFFFFF])
@pytest.mark.parametrize("traffic_class", [0, 3, 0xB8, 0xFF])
def test_class_and_label_are_carried_by_both(pair: Pair, traffic_class: int, label: int) -> None:
    (packet,) = pair.agree("c", [ip6(tc=traffic_class, fl=label) / udp()])["s"]
    header = Ether(packet)[IPv6]
    assert (header.tc, header.fl) == (traffic_class, label)


@pytest.mark.parametrize("source", ODD_SOURCES6)
def test_an_odd_source_meets_the_same_fate(pair: Pair, source: str) -> None:
    aims = (SERVER6, THIRD6, "2001:db8:1::1", "2001:db8:e001::5", "fe80::2", "ff0e::1")
    outputs = pair.agree("c", [ip6(address, source, hlim=hops) / udp() for address in aims for hops in (64, 1)])
    assert outputs.packets == 2 * len(aims)


@pytest.mark.parametrize("source", ["::", "::1", "fe80::2", "ff02::1", "ff0e::1"])
def test_a_source_of_smaller_scope_is_forwarded_by_neither(pair: Pair, source: str) -> None:
    outputs = pair.agree("c", [ip6(source=source) / udp()])
    assert not outputs["s"]


@pytest.mark.parametrize("destination", ODD_DESTINATIONS6)
def test_an_odd_destination_meets_the_same_fate(pair: Pair, destination: str) -> None:
    packets = [ip6(destination) / udp(), ip6(destination, hlim=1) / udp(), ip6(destination, "fe80::2") / udp()]
    packets += [ip6(destination) / ICMPv6EchoRequest(), ip6(destination, nh=59)]
    assert pair.agree("c", packets).packets == len(packets)


@pytest.mark.parametrize("destination", ["::", "::1", "fe80::2", "ff02::1", "ff0e::1"])
def test_a_destination_of_smaller_scope_is_forwarded_by_neither(pair: Pair, destination: str) -> None:
    outputs = pair.agree("c", [ip6(destination) / udp()])
    assert not outputs["s"]


def test_packets_to_the_router_are_answered_alike(pair: Pair) -> None:
    own = ["2001:db8:1::1", "2001:db8:2::1", "fe80::ff:fe00:101"]
    packets = [ip6(to) / part for to in own for part in (ICMPv6EchoRequest() / b"echo", udp(), TCP(dport=1), b"none")]
    assert len(pair.agree("c", packets)["c"]) >= 9


def test_neighbour_discovery_from_afar_is_no_discovery(pair: Pair) -> None:
    for hops in (2, 64, 254, 255):
        for kind in (ICMPv6ND_NS(tgt="2001:db8:2::2"), ICMPv6ND_NA(tgt="2001:db8:2::2")):
            assert len(pair.agree("c", [ip6(hlim=hops) / kind])["s"]) == 1


def test_errors_are_not_answered_with_errors(pair: Pair) -> None:
    kinds = [kind / ip6() / udp() for kind in (ICMPv6DestUnreach(), ICMPv6PacketTooBig(), ICMPv6TimeExceeded())]
    assert not pair.agree("c", [ip6(hlim=1) / kind for kind in kinds])["c"]
    every = [ip6(hlim=hops, nh=58) / (bytes([kind, 0]) + bytes(30)) for kind in range(256) for hops in (1, 64)]
    assert pair.agree("c", every).packets == len(every)


@pytest.mark.parametrize(("source", "target", "mtu"), [("c", "s", 1500), ("c", "t", 1400), ("s", "t", 1400)])
def test_the_mtu_edge_is_the_same_to_both(pair: Pair, source: str, target: str, mtu: int) -> None:
    sizes = range(mtu - 2, mtu + 3) if source == "c" else range(mtu - 2, mtu + 100, 33)
    header = ip6(pair.port(target).beyond6, pair.port(source).beyond6)
    outputs = pair.agree(source, [to_length(header / udp(b""), size) for size in sizes])
    errors = [Ether(packet)[ICMPv6PacketTooBig] for packet in outputs[source]]
    assert [error.mtu for error in errors] == [mtu] * len([size for size in sizes if size > mtu])
    assert len(outputs[target]) == len([size for size in sizes if size <= mtu])


def test_a_route_with_an_mtu_is_an_edge_to_both(pair: Pair) -> None:
    sizes = (1299, 1300, 1301, 1500, 1501)
    outputs = pair.agree("c", [to_length(ip6("2001:db8:e004::5") / udp(b""), size) for size in sizes])
    assert len(outputs["s"]) + len(outputs["c"]) == len(sizes)


def test_a_long_packet_is_quoted_alike(pair: Pair) -> None:
    sizes = (1231, 1232, 1233, 1280, 1500, 1999)
    outputs = pair.agree("c", [to_length(ip6(hlim=1) / udp(b""), size) for size in sizes])
    assert len(outputs["c"]) == len(sizes)


def options(header: type[Packet], octets: bytes) -> Packet:
    """A header of options that holds exactly `octets`, padded with zeros to a multiple of eight."""
    padded = octets + bytes(-(len(octets) + 2) % 8)
    return header(len=(len(padded) + 2) // 8 - 1, options=[], autopad=0) / padded


HOP, DEST = IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt
EXTENSIONS: dict[str, Packet] = {
    "hop by hop, padding": HOP(options=[PadN(optdata=bytes(4))]),
    "hop by hop, single paddings": HOP(options=[Pad1()] * 6),
    "hop by hop, router alert": HOP(options=[RouterAlert()]),
    "hop by hop, router alert of RSVP": HOP(options=[RouterAlert(value=1)]),
    "hop by hop, jumbo": HOP(options=[Jumbo(jumboplen=70000)]),
    "hop by hop, unknown: skip": options(HOP, b"\x1e\x04" + bytes(4)),
    "hop by hop, unknown: drop": options(HOP, b"\x5e\x04" + bytes(4)),
    "hop by hop, unknown: say so": options(HOP, b"\x9e\x04" + bytes(4)),
    "hop by hop, unknown: say so unless multicast": options(HOP, b"\xde\x04" + bytes(4)),
    "hop by hop, an option runs over": options(HOP, b"\x1e\x40" + bytes(4)),
    "hop by hop, padding that is not zero": options(HOP, b"\x01\x04" + b"abcd"),
    "hop by hop, too much padding": options(HOP, bytes(14)),
    "hop by hop, long": HOP(options=[PadN(optdata=bytes(250))]),
    "hop by hop, twice": HOP(options=[RouterAlert()]) / HOP(options=[RouterAlert()]),
    "destination": DEST(options=[PadN(optdata=bytes(4))]),
    "destination, unknown: say so": options(DEST, b"\x9e\x04" + bytes(4)),
    "hop by hop after destination": DEST() / HOP(options=[RouterAlert()]),
    "routing type 0, used up": IPv6ExtHdrRouting(type=0, segleft=0, addresses=[THIRD6]),
    "routing type 0": IPv6ExtHdrRouting(type=0, segleft=1, addresses=[THIRD6]),
    "routing type 2": IPv6ExtHdrRouting(type=2, segleft=1, addresses=[THIRD6]),
    "routing type 4": IPv6ExtHdrRouting(type=4, segleft=1, addresses=[THIRD6]),
    "routing type 200": IPv6ExtHdrRouting(type=200, segleft=1, addresses=[THIRD6]),
    "first fragment": IPv6ExtHdrFragment(m=1, offset=0, id=7),
    "middle fragment": IPv6ExtHdrFragment(m=1, offset=100, id=7),
    "last fragment": IPv6ExtHdrFragment(m=0, offset=185, id=7),
    "atomic fragment": IPv6ExtHdrFragment(m=0, offset=0, id=7),
    "authentication": AH(spi=1, seq=1, icv=bytes(12)),
    "encryption": ESP(spi=1, seq=1, data=bytes(16)),
    "all of them": HOP() / DEST() / IPv6ExtHdrRouting(type=4, segleft=0, addresses=[THIRD6]) / IPv6ExtHdrFragment(),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_header_is_treated_alike(pair: Pair, name: str) -> None:
    aims = (SERVER6, THIRD6, "2001:db8:1::1", "2001:db8:e001::5", "ff0e::1")
    packets = [ip6(to, hlim=hops) / EXTENSIONS[name] / udp() for to in aims for hops in (64, 1)]
    assert pair.agree("c", packets).packets == len(packets)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_header_cut_short_is_treated_alike(pair: Pair, name: str) -> None:
    whole = bytes(ip6() / EXTENSIONS[name] / udp())
    with_true_lengths = [
        whole[:4] + (end - 40).to_bytes(2, "big") + whole[6:end] for end in range(40, min(len(whole), 120))
    ]
    outputs = pair.agree("c", [framed(CLIENT, octets, 0x86DD) for octets in with_true_lengths])
    assert outputs.packets == len(with_true_lengths)


def test_an_extension_header_before_a_packet_too_big_is_treated_alike(pair: Pair) -> None:
    outputs = pair.agree("c", [to_length(ip6(THIRD6) / header / udp(), 1450) for header in EXTENSIONS.values()])
    assert outputs.packets == len(EXTENSIONS)
