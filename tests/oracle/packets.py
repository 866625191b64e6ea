"""Packets: a few words for tables of them, and Hypothesis strategies that make whole traffic, much of it broken.

Scapy builds; what it would complete (lengths, checksums) is set where a packet is meant to be wrong.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from tests.namespaces import Port
from tests.oracle.addresses import (
    CLIENT4,
    CLIENT6,
    DESTINATIONS4,
    DESTINATIONS6,
    ODD_DESTINATIONS4,
    ODD_DESTINATIONS6,
    ODD_SOURCES4,
    ODD_SOURCES6,
    SERVER4,
    SERVER6,
)
from tests.oracle.peer import internet_checksum


def ip4(destination: str = SERVER4, source: str = CLIENT4, **fields: Any) -> IP:
    return IP(src=source, dst=destination, **fields)


def ip6(destination: str = SERVER6, source: str = CLIENT6, **fields: Any) -> IPv6:
    return IPv6(src=source, dst=destination, **fields)


def udp(payload: bytes = b"payload", **fields: Any) -> Packet:
    return UDP(**{"sport": 4000, "dport": 4001, **fields}) / payload


def to_length(packet: Packet, octets: int) -> Packet:
    """`packet` with as much more payload as makes it `octets` long."""
    return packet / Raw(bytes(index & 0xFF for index in range(octets - len(packet))))


def with_header(packet: Packet | bytes, change: Callable[[bytearray], None], *, checksum: bool = True) -> bytes:
    """The octets of an IPv4 packet after `change`; the header checksum is made right again if `checksum`."""
    octets = bytearray(bytes(packet))
    change(octets)
    end = min(len(octets), max(20, 4 * (octets[0] & 15)))
    if checksum:
        octets[10:12] = b"\0\0"
        octets[10:12] = internet_checksum(bytes(octets[:end])).to_bytes(2, "big")
    return bytes(octets)


def with_options(packet: Packet | bytes, options: bytes) -> bytes:
    """The octets of an IPv4 packet with `options` put between its header and its payload."""
    whole = bytes(packet)
    padded = options + b"\0" * (-len(options) % 4)

    def change(octets: bytearray) -> None:
        octets[0] += len(padded) // 4
        octets[2:4] = (int.from_bytes(octets[2:4], "big") + len(padded)).to_bytes(2, "big")

    return with_header(whole[:20] + padded + whole[20:], change)


def framed(port: Port, octets: bytes, kind: int = 0x0800) -> bytes:
    """Octets that are no scapy packet, behind the host's Ethernet header."""
    return bytes(Ether(src=port.host_mac, dst=port.router_mac, type=kind)) + octets


ports = st.integers(0, 65535)
payloads = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([0, 1, 7, 536, 900, 1000, 1232, 1252, 1280, 1352, 1372, 1452, 1472, 1480, 1500, 1952]).map(bytes),
)
hops = st.one_of(st.just(64), st.sampled_from([0, 1, 2, 3, 255]), st.integers(0, 255))


def transports(echo: Any) -> st.SearchStrategy[Packet]:
    return st.one_of(
        st.builds(UDP, sport=ports, dport=ports),
        st.builds(UDP, sport=ports, dport=ports, chksum=st.just(0)),
        st.builds(TCP, sport=ports, dport=ports, seq=st.integers(0, 2**32 - 1), flags=st.sampled_from("SAFRP")),
        st.builds(echo, id=ports, seq=ports),
    )


record_routes = st.builds(
    lambda room, used: bytes([7, 3 + 4 * room, 4 + 4 * used]) + bytes(4 * room), st.integers(0, 4), st.integers(0, 5)
)
source_routes = st.builds(
    lambda kind, pointer: bytes([kind, 7, pointer, 10, 1, 2, 9]),
    st.sampled_from([131, 137]),
    st.sampled_from([0, 4, 5, 8]),
)
# Without room for a stamp: two routers' clocks differ (test_ipv4_options has those with room).
timestamps = st.builds(
    lambda flag, pointer: bytes([68, 12, pointer, flag]) + bytes(8), st.integers(0, 15), st.sampled_from([1, 4, 13, 17])
)
anything = st.builds(
    lambda kind, length, rest: bytes([kind, length]) + rest,
    st.integers(0, 255).filter(lambda kind: kind != 68),
    st.integers(0, 12),
    st.binary(max_size=6),
)
nop, router_alert = st.just(b"\x01"), st.just(b"\x94\x04\x00\x00")
options = st.lists(
    st.one_of(nop, router_alert, record_routes, source_routes, timestamps, anything), min_size=1, max_size=2
).map(b"".join)


@st.composite
def ipv4(draw: st.DrawFn) -> bytes:
    """An IPv4 packet, mostly one that deserves forwarding."""
    header = ip4(
        draw(st.one_of(st.sampled_from(DESTINATIONS4), st.sampled_from(DESTINATIONS4 + ODD_DESTINATIONS4))),
        draw(st.one_of(st.just(CLIENT4), st.sampled_from(ODD_SOURCES4))),
        ttl=draw(hops),
        id=draw(ports),
        tos=draw(st.integers(0, 255)),
        flags=draw(st.sampled_from([0, 0, 2, 2, 1, 3, 4, 7])),
        frag=draw(st.sampled_from([0, 0, 0, 1, 185, 8191])),
    )
    packet = bytes(header / draw(transports(ICMP)) / draw(payloads))[:1960]
    return with_options(packet, draw(st.one_of(st.just(b""), st.just(b""), options)))


@st.composite
def ipv6(draw: st.DrawFn) -> bytes:
    """An IPv6 packet, mostly one that deserves forwarding."""
    header = ip6(
        draw(st.one_of(st.sampled_from(DESTINATIONS6), st.sampled_from(DESTINATIONS6 + ODD_DESTINATIONS6))),
        draw(st.one_of(st.just(CLIENT6), st.sampled_from(ODD_SOURCES6))),
        hlim=draw(hops),
        tc=draw(st.integers(0, 255)),
        fl=draw(st.integers(0, 2**20 - 1)),
    )
    return bytes(header / draw(transports(ICMPv6EchoRequest)) / draw(payloads))[:2000]


@st.composite
def broken(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A packet with octets changed, cut off or added; the IPv4 header checksum is sometimes made right again."""
    octets = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, min(len(octets), 60) - 1))
        octets[place] = draw(st.integers(0, 255))
    if octets[0] >> 4 == 4 and draw(st.booleans()):
        octets = bytearray(with_header(bytes(octets), lambda _: None))
    cut = draw(st.one_of(st.just(len(octets)), st.integers(0, len(octets))))
    return bytes(octets[:cut]) + bytes(draw(st.sampled_from([0, 0, 1, 18, 46])))


@st.composite
def frames(draw: st.DrawFn, port: Port) -> bytes:
    """Any of the above behind an Ethernet header, mostly the right one."""
    kind, whole = draw(st.sampled_from([(0x0800, ipv4()), (0x86DD, ipv6())]))
    packet = draw(st.one_of(whole, whole, broken(whole)))
    target = draw(
        st.sampled_from([port.router_mac] * 8 + ["02:00:00:00:77:01", "ff:ff:ff:ff:ff:ff", "01:00:5e:01:02:09"])
    )
    kind = draw(st.sampled_from([kind] * 12 + [0x0800, 0x86DD, 0x0806, 0x88B5, 0x05DC, 46]))
    return bytes(Ether(src=port.host_mac, dst=target, type=kind)) + packet[: port.mtu]
