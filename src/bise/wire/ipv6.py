"""IPv6 (RFC 8200): what Linux checks on reception, kinds of addresses (RFC 4291), the way past extension headers."""

from enum import IntEnum
from ipaddress import IPv6Address

from bise.hot import Header, be16, be32, be64, hot, shift_right64, u8
from bise.wire.ipv4 import Protocol, protocol_text

_MOST_EXTENSIONS = 8
_NARROW = 0xFE80  # link-local addresses and everything above them


class Fault(IntEnum):
    """Why an IPv6 header can't be trusted."""

    NONE = 0
    SHORT = 1
    VERSION = 2
    PAYLOAD_LENGTH = 3
    SOURCE = 4
    DESTINATION = 5


class IPv6(Header):
    """Trusted once `fault` returns NONE: 40 octets are there, the packet has at least `payload_length` more (0 where
    hop-by-hop options announce a jumbo payload), and both addresses may appear on a wire."""

    version_class_flow = be32()
    payload_length = be16()
    next_header = u8()
    hop_limit = u8()
    source_high = be64()
    source_low = be64()
    destination_high = be64()
    destination_low = be64()

    def __str__(self) -> str:
        source = address_text(self.source_high, self.source_low)
        destination = address_text(self.destination_high, self.destination_low)
        upper = protocol_text(self.next_header)
        return f"{source} > {destination} hop limit {self.hop_limit} {upper} length {self.payload_length}"


class Extension(Header):
    """What hop-by-hop options, routing headers and destination options begin with; `length` in units of 8 octets, not
    counting the first."""

    next_header = u8()
    length = u8()


class Fragment(Header):
    """The fragment header (RFC 8200 4.5): `offset_more` ends in the flag "more fragments", below 13 bits of offset."""

    next_header = u8()
    reserved = u8()
    offset_more = be16()
    identification = be32()


SIZE = IPv6.size
_EXTENSION_SIZE = 8  # the shortest


@hot
def fault(packet, offset):
    """What Linux's ip6_rcv_core finds wrong with the header at `offset` on an interface that is not the loopback."""
    if packet.length - offset < SIZE:
        return Fault.SHORT
    ip = IPv6(packet, offset)
    if ip.version_class_flow >> 28 != 6:
        return Fault.VERSION
    if is_unusual(ip.source_high) and _is_no_source(ip.source_high, ip.source_low):  # one comparison for all others
        return Fault.SOURCE
    if is_loopback(ip.destination_high, ip.destination_low):
        return Fault.DESTINATION
    if is_multicast(ip.destination_high) and multicast_scope(ip.destination_high) <= 1:
        return Fault.DESTINATION  # reserved and interface-local scope (RFC 4291 2.7)
    if ip.payload_length > packet.total - offset - SIZE:
        return Fault.PAYLOAD_LENGTH
    return Fault.NONE


@hot
def _is_no_source(high, low):
    return is_multicast(high) or is_loopback(high, low)


@hot
def is_unusual(high):
    """What is no plain unicast address by its upper half: ::/64 (unspecified, loopback, mapped IPv4), and link-local,
    multicast and what lies between them (RFC 4291 2.5, 2.7)."""
    return high == 0 or shift_right64(high, 48) >= _NARROW


@hot
def is_multicast(high):
    """ff00::/8, by the upper half of an address."""
    return high >> 56 == -1


@hot
def multicast_scope(high):
    """The scope of a multicast address (RFC 4291 2.7)."""
    return (high >> 48) & 0x0F


@hot
def is_link_local(high):
    """fe80::/10, by the upper half of an address."""
    return (high >> 54) & 0x3FF == 0x3FA


@hot
def is_loopback(high, low):
    """::1."""
    return high == 0 and low == 1


@hot
def is_unspecified(high, low):
    """::."""
    return high == 0 and low == 0


@hot
def age(ip):
    """One hop older. The hop limit must not be 0."""
    ip.hop_limit = ip.hop_limit - 1


@hot
def upper_layer(packet, offset):
    """Past the extension headers of the trusted IPv6 header at `offset`: the protocol there, and its offset.

    Walks hop-by-hop options, routing headers, destination options and authentication headers, eight at most. Stops at
    a fragment header, as what follows that need not be the header that it names. The protocol is -1 where the chain
    leaves the contiguous octets or is longer; the offset is then that of the header it broke at.
    """
    protocol = IPv6(packet, offset).next_header
    at = offset + SIZE
    for _ in range(_MOST_EXTENSIONS):
        if not _is_walked(protocol):
            return protocol, at
        if packet.length - at < _EXTENSION_SIZE:
            return -1, at
        extension = Extension(packet, at)
        if protocol == Protocol.AUTHENTICATION:
            at += (extension.length + 2) * 4  # RFC 4302 2.2
        else:
            at += (extension.length + 1) * 8
        protocol = extension.next_header
    if _is_walked(protocol):
        protocol = -1
    return protocol, at


@hot
def _is_walked(protocol):
    return (
        protocol == Protocol.HOP_BY_HOP
        or protocol == Protocol.ROUTING
        or protocol == Protocol.DESTINATION_OPTIONS
        or protocol == Protocol.AUTHENTICATION
    )


def address_text(high: int, low: int) -> str:
    """An address as people write it (RFC 5952), from its halves as fields read them."""
    return str(IPv6Address((high % (1 << 64)) << 64 | low % (1 << 64)))
