"""What RFC 1812 5.2.2 asks of a header before a router forwards by it, and what Linux makes of the rest."""

import pytest
from scapy.layers.inet import ICMP, TCP

from tests.namespaces import CLIENT
from tests.oracle.addresses import DESTINATIONS4, ODD_DESTINATIONS4, ODD_SOURCES4, SERVER4
from tests.oracle.packets import framed, ip4, to_length, udp, with_header
from tests.oracle.pair import Pair

pytestmark = pytest.mark.root

WHOLE = ip4() / udp(b"twelve bytes")


def set_octet(place: int, value: int, *, checksum: bool = True) -> bytes:
    def change(octets: bytearray) -> None:
        octets[place] = value

    return framed(CLIENT, with_header(WHOLE, change, checksum=checksum))


def set_total_length(length: int) -> bytes:
    def change(octets: bytearray) -> None:
        octets[2:4] = length.to_bytes(2, "big")

    return framed(CLIENT, with_header(WHOLE, change))


def test_an_ordinary_packet_is_forwarded_by_both(pair: Pair) -> None:
    outputs = pair.agree("c", [WHOLE, ip4() / TCP(), ip4() / ICMP(), ip4(proto=253) / b"anything", ip4(proto=59)])
    assert len(outputs["s"]) == 5


def test_all_destinations_meet_the_same_fate(pair: Pair) -> None:
    outputs = pair.agree("c", [ip4(address) / udp() for address in DESTINATIONS4])
    assert outputs["s"]
    assert outputs["t"]


@pytest.mark.parametrize("length", range(20))
def test_a_packet_shorter_than_a_header_is_forwarded_by_neither(pair: Pair, length: int) -> None:
    outputs = pair.agree("c", [framed(CLIENT, bytes(WHOLE)[:length])])
    assert not any(outputs.values())


def test_a_packet_with_a_wrong_checksum_is_forwarded_by_neither(pair: Pair) -> None:
    flipped = []
    for bit in range(160):
        octets = bytearray(bytes(WHOLE))
        octets[bit // 8] ^= 1 << bit % 8
        flipped.append(framed(CLIENT, bytes(octets)))
    assert not any(pair.agree("c", flipped).values())


def test_a_checksum_of_all_ones_is_the_same_to_both(pair: Pair) -> None:
    """Zero and 0xffff are one number in one's complement arithmetic, and only one of them comes out of a sum."""
    packets = []
    for ttl in (1, 2, 64):
        edge = bytearray(bytes(ip4(id=0, ttl=ttl) / udp()))
        edge[4:6] = edge[10:12]  # this identification makes the checksum zero
        packets += [bytes(edge[:10] + checksum + edge[12:]) for checksum in (b"\0\0", b"\xff\xff")]
    assert pair.agree("c", [framed(CLIENT, packet) for packet in packets]).packets == len(packets)


@pytest.mark.parametrize("version", [version for version in range(16) if version != 4])
def test_a_packet_of_another_version_is_forwarded_by_neither(pair: Pair, version: int) -> None:
    assert not any(pair.agree("c", [set_octet(0, version << 4 | 5)]).values())


@pytest.mark.parametrize("words", [0, 1, 2, 3, 4, 11, 15])
def test_a_header_length_that_cannot_be_is_forwarded_by_neither(pair: Pair, words: int) -> None:
    assert not any(pair.agree("c", [set_octet(0, 0x40 | words)]).values())


@pytest.mark.parametrize("length", [0, 1, 19, 41, 60, 1500, 65535])
def test_a_total_length_that_cannot_be_is_forwarded_by_neither(pair: Pair, length: int) -> None:
    assert not any(pair.agree("c", [set_total_length(length)]).values())


@pytest.mark.parametrize("length", [20, 21, 27, 28, 39, 40])
def test_what_follows_the_total_length_is_forwarded_by_neither(pair: Pair, length: int) -> None:
    (packet,) = pair.agree("c", [set_total_length(length)])["s"]
    assert len(packet) == 14 + length


@pytest.mark.parametrize("padding", [1, 2, 6, 18, 46, 1000])
def test_padding_is_left_behind_by_both(pair: Pair, padding: int) -> None:
    outputs = pair.agree("c", [framed(CLIENT, bytes(WHOLE) + bytes(padding))])
    assert [len(packet) for packet in outputs["s"]] == [14 + len(WHOLE)]


def test_every_length_is_forwarded_alike(pair: Pair) -> None:
    lengths = [*range(20, 100), *range(1480, 1501)]
    outputs = pair.agree("c", [to_length(ip4(proto=253), length) for length in lengths])
    assert sorted(len(packet) - 14 for packet in outputs["s"]) == lengths


@pytest.mark.parametrize("service", [0, 1, 2, 3, 0x10, 0xB8, 0xC0, 0xFF])
def test_the_type_of_service_is_carried_by_both(pair: Pair, service: int) -> None:
    assert pair.agree("c", [ip4(tos=service) / udp()])["s"][0][15] == service


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 6, 17, 41, 46, 47, 50, 51, 58, 59, 89, 103, 108, 115, 132, 136, 255])
def test_the_protocol_makes_no_difference(pair: Pair, protocol: int) -> None:
    assert pair.agree("c", [to_length(ip4(proto=protocol), 64), ip4(proto=protocol)])["s"]


@pytest.mark.parametrize("source", ODD_SOURCES4)
def test_an_odd_source_meets_the_same_fate(pair: Pair, source: str) -> None:
    aims = (SERVER4, "198.51.100.200", "10.0.1.1", "192.0.2.21")
    assert pair.agree("c", [ip4(address, source) / udp() for address in aims]).packets == len(aims)


@pytest.mark.parametrize(
    "source", ["127.0.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "0.0.0.0", "10.0.1.1", "10.0.2.1"]
)
def test_a_martian_source_is_forwarded_by_neither(pair: Pair, source: str) -> None:
    outputs = pair.agree("c", [ip4(source=source) / udp(), ip4(source=source, ttl=1) / udp()])
    assert not any(outputs.values())


def test_a_class_e_source_is_forwarded_by_both(pair: Pair) -> None:
    """Linux has not called 240.0.0.0/4 martian since 2.6.25, save as a destination without a route."""
    assert len(pair.agree("c", [ip4(source="240.0.0.1") / udp()])["s"]) == 1


@pytest.mark.parametrize("destination", ODD_DESTINATIONS4)
def test_an_odd_destination_meets_the_same_fate(pair: Pair, destination: str) -> None:
    headers = [ip4(destination), ip4(destination, ttl=1), ip4(destination, "8.8.4.4")]
    assert pair.agree("c", [header / udp() for header in headers]).packets == len(headers)


@pytest.mark.parametrize(
    "destination", ["127.0.0.1", "0.0.0.0", "240.0.0.1", "255.255.255.255", "224.0.0.5", "239.1.1.1"]
)
def test_a_martian_destination_is_forwarded_by_neither(pair: Pair, destination: str) -> None:
    outputs = pair.agree("c", [ip4(destination) / udp()])
    assert not outputs["s"]
    assert not outputs["t"]


def test_packets_to_the_router_are_answered_alike(pair: Pair) -> None:
    own = ["10.0.1.1", "10.0.2.1", "10.0.3.1"]
    packets = [ip4(address) / part for address in own for part in (ICMP() / b"echo", udp(), TCP(dport=1), b"none")]
    outputs = pair.agree("c", packets)
    assert len(outputs["c"]) >= 9


@pytest.mark.parametrize("setting", [0, 1, 2])
@pytest.mark.parametrize("scope", ["all", "c"])
def test_a_source_that_another_port_leads_to_meets_the_same_fate(pair: Pair, scope: str, setting: int) -> None:
    """`rp_filter` off, strict and loose (RFC 3704)."""
    sources = ["10.1.1.9", "10.1.2.7", "10.0.2.2", "198.51.100.129", "192.0.2.5", "192.0.2.21", "8.8.4.4"]
    with pair.sysctls({f"net/ipv4/conf/{scope}/rp_filter": setting}):
        outputs = pair.agree("c", [ip4(SERVER4, source) / udp() for source in sources])
    assert len(outputs["s"]) == {0: 7, 1: 2, 2: 4}[setting]


@pytest.mark.parametrize("setting", ["accept_local", "route_localnet", "bc_forwarding", "drop_unicast_in_l2_multicast"])
def test_a_setting_that_is_not_announced_acts_alike(pair: Pair, setting: str) -> None:
    with pair.sysctls({f"net/ipv4/conf/all/{setting}": 1, f"net/ipv4/conf/c/{setting}": 1}):
        assert pair.agree("c", [ip4(address) / udp() for address in ODD_DESTINATIONS4 + DESTINATIONS4])["s"]
        assert pair.agree("c", [ip4(source=address) / udp() for address in ODD_SOURCES4])["s"]
