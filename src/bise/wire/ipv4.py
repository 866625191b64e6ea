"""The Internet Protocol (RFC 791): what Linux checks on reception (RFC 1122 3.2.1, RFC 1812 5.2.2), one hop of age."""

from enum import IntEnum
from ipaddress import IPv4Address

from bise.hot import Header, be16, be32, expect, hot, le32, mul64, u8, unsigned_less

DONT_FRAGMENT = 0x4000
MORE_FRAGMENTS = 0x2000
FRAGMENT_OFFSET = 0x1FFF  # in units of 8 octets
_NO_OPTIONS = 0x45  # version 4, five words
_INVERSE = 0xFFFE_FFFE_FFFE_FFFF - (1 << 64)  # times 65535 it is 1, modulo 2^64
_MULTIPLES = (1 << 64) // 0xFFFF + 1  # as many multiples of 65535 there are: times _INVERSE, the numbers below that


class Protocol(IntEnum):
    """What the payload is (IANA, protocol numbers); IPv6's next headers are the same numbers."""

    HOP_BY_HOP = 0
    ICMP = 1
    IGMP = 2
    IPV4 = 4
    TCP = 6
    UDP = 17
    IPV6 = 41
    ROUTING = 43
    FRAGMENT = 44
    RSVP = 46
    GRE = 47
    ESP = 50
    AUTHENTICATION = 51
    ICMPV6 = 58
    NONE = 59
    DESTINATION_OPTIONS = 60
    OSPF = 89
    SCTP = 132
    MOBILITY = 135


class Fault(IntEnum):
    """Why an IPv4 header can't be trusted."""

    NONE = 0
    SHORT = 1
    VERSION = 2
    HEADER_LENGTH = 3
    TOTAL_LENGTH = 4
    CHECKSUM = 5


class IPv4(Header):
    """Trusted once `fault` returns NONE: the header with its options is there and intact, and the packet has at least
    `total_length` octets from the header on (what follows them is padding)."""

    version_ihl = u8()
    tos = u8()
    total_length = be16()
    identification = be16()
    fragment = be16()
    ttl = u8()
    protocol = u8()
    checksum = be16()
    source = be32()
    destination = be32()

    def __str__(self) -> str:
        words = [f"{IPv4Address(self.source)} > {IPv4Address(self.destination)} ttl {self.ttl}"]
        words.append(protocol_text(self.protocol))
        if self.fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET):
            more = "+" if self.fragment & MORE_FRAGMENTS else ""
            words.append(f"fragment {self.identification}@{(self.fragment & FRAGMENT_OFFSET) * 8}{more}")
        if self.version_ihl != _NO_OPTIONS:
            words.append(f"version and length {self.version_ihl:#04x}")
        return " ".join([*words, f"length {self.total_length}"])


SIZE = IPv4.size


class _Rows(Header):
    """The same 20 octets as RFC 791 draws them, in the machine's order: sums need no swapping (RFC 1071 2B)."""

    length = le32()
    fragment = le32()
    hop = le32()
    source = le32()
    destination = le32()


class _Row(Header):
    row = le32()


@hot
def fault(packet, offset):
    """What Linux's ip_rcv_core finds wrong with the header at `offset`, all octets up to the packet's end being IP."""
    if packet.length - offset < SIZE:
        return Fault.SHORT
    if expect(_first(_Rows(packet, offset)), _NO_OPTIONS) != _NO_OPTIONS:
        return _fault_beyond(packet, offset)
    if not _is_zero(_sum(packet, offset)):
        return Fault.CHECKSUM
    return _length_fault(packet, offset, SIZE)


@hot
def _first(rows):
    """Version and header length, out of the row that is summed up anyhow: then the compiler knows it to be the same."""
    return rows.length & 0xFF


@hot
def _sum(packet, offset):
    rows = _Rows(packet, offset)
    return rows.length + rows.fragment + rows.hop + rows.source + rows.destination


@hot
def _is_zero(total):
    """Whether a one's complement sum is zero. Modulo 2^16 - 1 a 32-bit row is the sum of its halves, so it is where the
    plain sum of rows is a multiple of 65535. (A header that says version 4 is not all zeros.)"""
    return unsigned_less(mul64(total, _INVERSE), _MULTIPLES)


@hot
def _length_fault(packet, offset, octets):
    room = packet.total - offset
    if unsigned_less(room - octets, IPv4(packet, offset).total_length - octets):  # beyond the packet, or below `octets`
        return Fault.TOTAL_LENGTH
    return Fault.NONE


@hot
def _fault_beyond(packet, offset):
    """The same for a header that has options, or is none."""
    shape = _shape_fault(packet, offset)
    if shape != Fault.NONE:
        return shape
    if not _is_zero(_sum(packet, offset) + _options_sum(packet, offset)):
        return Fault.CHECKSUM
    return _length_fault(packet, offset, header_octets(IPv4(packet, offset)))


@hot
def _shape_fault(packet, offset):
    ip = IPv4(packet, offset)
    if ip.version_ihl >> 4 != 4:
        return Fault.VERSION
    if header_octets(ip) < SIZE or header_octets(ip) > packet.length - offset:
        return Fault.HEADER_LENGTH
    return Fault.NONE


@hot
def _options_sum(packet, offset):
    end = header_octets(IPv4(packet, offset))
    total = 0
    for at in range(SIZE, end, 4):
        total += _Row(packet, offset + at).row
    return total


@hot
def header_octets(ip):
    """The header's length with its options."""
    return (ip.version_ihl & 0x0F) * 4


@hot
def has_options(ip):
    """Options mean work for Linux (RFC 1812 5.2.4): only they make the header longer than 20 octets."""
    return _first(_Rows(ip.address)) != _NO_OPTIONS


@hot
def is_fragment(ip):
    """Part of a larger datagram, its first part included."""
    return ip.fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0


@hot
def is_later_fragment(ip):
    """A fragment without the transport header."""
    return ip.fragment & FRAGMENT_OFFSET != 0


@hot
def dont_fragment(ip):
    """Whether the sender forbids fragmenting (RFC 791; path-MTU discovery, RFC 1191)."""
    return ip.fragment & DONT_FRAGMENT != 0


@hot
def age(ip):
    """One hop older (RFC 1812 5.3.1), the checksum updated as RFC 1624 asks, octet for octet what Linux's
    ip_decrease_ttl writes. The TTL must not be 0."""
    rows = _Rows(ip.address)
    hop = rows.hop
    # In the machine's order the TTL is the lowest octet and the checksum the upper half: one less, one more, and the
    # carry added in again.
    rows.hop = hop - 1 + (((hop >> 16 >= 0xFFFE) + 1) << 16)


def protocol_text(protocol: int) -> str:
    """A protocol's name, or its number."""
    known = {member.value: member.name.lower() for member in Protocol}
    return known.get(protocol, f"protocol {protocol}")
