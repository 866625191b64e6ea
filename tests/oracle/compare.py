"""What two routers sent, made comparable, and what differs.

Equal means byte for byte, save for what no two kernels do alike:
- the identification of IPv4 packets that the router itself originates (ICMP, with a fresh time to live): random;
- what a router says of its own accord or at a limited rate: ARP, neighbour discovery, IPv6 redirects, MLD, IGMP;
- the order between packets (a test that is about order compares lists).
"""

import struct
from collections import Counter
from collections.abc import Collection, Mapping

from scapy.layers.l2 import Ether

from tests.oracle.peer import internet_checksum

_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_ICMP, _IGMP, _HOP_BY_HOP, _ICMPV6 = 1, 2, 0, 58
_FRESH_TTL = 64
_ND_TYPES = range(133, 138)
_FORWARDED_ND_HOPS = 254  # whoever says it of himself, sends 255 (RFC 4861 6.1, 7.1)


def comparable(packets: Collection[bytes]) -> Counter[bytes]:
    """The multiset of what was sent, without what may differ."""
    return Counter(_without_identification(packet) for packet in provoked(packets))


def provoked(packets: Collection[bytes]) -> list[bytes]:
    """The packets that something sent in has caused."""
    return [packet for packet in packets if not _is_of_its_own_accord(packet)]


def differences(expected: Mapping[str, Collection[bytes]], found: Mapping[str, Collection[bytes]]) -> list[str]:
    """Lines that say what came out of only one of the two; none if they are equal."""
    lines = []
    for port in sorted({*expected, *found}):
        ours, theirs = comparable(expected.get(port, ())), comparable(found.get(port, ()))
        lines += [f"{port}: only the kernel sent {shown(packet)}" for packet in (ours - theirs).elements()]
        lines += [f"{port}: only the other sent {shown(packet)}" for packet in (theirs - ours).elements()]
    return lines


def shown(packet: bytes) -> str:
    """A packet for a human: what scapy sees in it, then the octets."""
    return f"{Ether(packet).summary()}, {len(packet)} octets\n    {packet[:600].hex(' ', 2)}"


def _is_of_its_own_accord(packet: bytes) -> bool:
    (kind,) = struct.unpack_from("!H", packet, 12)
    if kind == _ARP:
        return True
    if kind == _IPV4:
        return packet[23] == _IGMP and packet[22] == 1
    if kind != _IPV6 or len(packet) < 14 + 48:
        return False
    next_header, hops = packet[20], packet[21]
    if next_header == _HOP_BY_HOP:
        return hops == 1 and packet[14 + 40] == _ICMPV6  # MLD
    return next_header == _ICMPV6 and packet[54] in _ND_TYPES and hops > _FORWARDED_ND_HOPS


def _without_identification(packet: bytes) -> bytes:
    is_ipv4 = packet[12:14] == b"\x08\x00" and len(packet) >= 34 and packet[14] >> 4 == 4
    if not is_ipv4 or packet[22] != _FRESH_TTL or packet[23] != _ICMP:
        return packet
    header_end = 14 + 4 * (packet[14] & 15)
    if internet_checksum(packet[14:header_end]):
        return packet  # wrong, and not to be hidden
    return packet[:18] + b"\0\0" + packet[20:24] + b"\0\0" + packet[26:]
