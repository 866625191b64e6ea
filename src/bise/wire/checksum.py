"""The Internet checksum (RFC 1071), and the completion of those that a sender left to hardware that isn't there.

Sums are 16 bits in network order, not complemented; 0 only where every octet is 0. The field holds the complement.
"""

from enum import IntEnum

from bise.hot import Header, be16, hot, le16, le32, le64, shift_right64, u8
from bise.wire import ipv4, ipv6
from bise.wire.ipv4 import IPv4, Protocol
from bise.wire.ipv6 import IPv6


class _Eight(Header):
    value = le64()


class _Four(Header):
    value = le32()


class _Two(Header):
    value = le16()


class _One(Header):
    value = u8()


class _Checksum(Header):
    value = be16()


_TCP_OCTETS, _TCP_CHECKSUM = 20, 16
_CHECKSUM_OCTETS = 2
_UDP_OCTETS, _UDP_CHECKSUM, _UDP_LENGTH = 8, 6, 4


class Completion(IntEnum):
    """What `complete_ipv4` and `complete_ipv6` did."""

    UNTOUCHED = 0  # the checksum was complete, or there is none
    COMPLETED = 1
    SPLIT = 2  # it is partial, or may be, and the packet is not in one piece: only Linux can complete it


@hot
def folded(total):
    """A sum of 16-bit words (not negative) as 16 bits, the carries added in again."""
    total = (total & 0xFFFF_FFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@hot
def swapped(word):
    """The two octets of a 16-bit word exchanged."""
    return (word & 0xFF) << 8 | word >> 8


@hot
def total(packet, offset, octets):
    """The sum of `octets` octets at `offset`, an odd last one padded with zero; -1 if they are not all in one piece."""
    if octets < 0 or offset < 0 or octets > packet.length - offset:
        return -1
    result = 0
    whole = octets & ~7
    for at in range(0, whole, 8):
        word = _Eight(packet, offset + at).value
        result += (word & 0xFFFF_FFFF) + shift_right64(word, 32)
    at = offset + whole
    if octets & 4:
        result += _Four(packet, at).value
        at += 4
    if octets & 2:
        result += _Two(packet, at).value
        at += 2
    if octets & 1:
        result += _One(packet, at).value
    return swapped(folded(result))  # the sum commutes with exchanging the octets of every word (RFC 1071 2B)


@hot
def complement(word):
    """What the checksum field holds for a sum, as Linux's csum_fold."""
    return ~word & 0xFFFF


@hot
def updated(checksum, before, after):
    """The checksum field once a 16-bit word that it covers changes from `before` to `after` (RFC 1624, equation 3)."""
    return complement(folded(complement(checksum) + complement(before) + after))


@hot
def pseudo_ipv4(ip, protocol, octets):
    """The sum of the pseudo header (RFC 9293 3.1) in front of `octets` octets of `protocol`."""
    source, destination = ip.source, ip.destination
    return folded((source & 0xFFFF) + (source >> 16) + (destination & 0xFFFF) + (destination >> 16) + protocol + octets)


@hot
def pseudo_ipv6(ip, protocol, octets):
    """The sum of the pseudo header (RFC 8200 8.1) in front of `octets` octets of `protocol`."""
    halves = _halves(ip.source_high) + _halves(ip.source_low)
    halves += _halves(ip.destination_high) + _halves(ip.destination_low)
    return folded(halves + protocol + (octets & 0xFFFF) + (octets >> 16))


@hot
def _halves(word):
    return (word & 0xFFFF_FFFF) + shift_right64(word, 32)


@hot
def complete_ipv4(packet, offset):
    """Completes a partial checksum behind the trusted IPv4 header at `offset`; fragments are left alone."""
    ip = IPv4(packet, offset)
    if ipv4.is_fragment(ip):
        return Completion.UNTOUCHED
    octets = ip.total_length - ipv4.header_octets(ip)
    pseudo = pseudo_ipv4(ip, ip.protocol, octets)
    return _complete(packet, offset + ipv4.header_octets(ip), octets, ip.protocol, pseudo)


@hot
def complete_ipv6(packet, offset):
    """Completes a partial checksum behind the trusted IPv6 header at `offset`; fragments are left alone."""
    ip = IPv6(packet, offset)
    protocol, at = ipv6.upper_layer(packet, offset)
    if protocol == -1:
        return Completion.UNTOUCHED
    octets = offset + ipv6.SIZE + ip.payload_length - at
    return _complete(packet, at, octets, protocol, pseudo_ipv6(ip, protocol, octets))


@hot
def _complete(packet, at, octets, protocol, pseudo):
    """A partial checksum is the sum of the pseudo header (Linux's CHECKSUM_PARTIAL). One that equals it by chance, yet
    is complete, stays as it is: what comes out is what must have been there."""
    if protocol == Protocol.TCP and octets >= _TCP_OCTETS:
        place = at + _TCP_CHECKSUM
    elif protocol == Protocol.UDP and octets >= _UDP_OCTETS:
        place = at + _UDP_CHECKSUM
    else:
        return Completion.UNTOUCHED
    if place + _CHECKSUM_OCTETS > packet.length:
        return Completion.SPLIT
    field = _Checksum(packet, place)
    if protocol == Protocol.UDP and not _udp_has_checksum(packet, at, octets):
        return Completion.UNTOUCHED
    if field.value % 0xFFFF != pseudo % 0xFFFF:
        return Completion.UNTOUCHED
    summed = total(packet, at, octets)
    if summed == -1:
        return Completion.SPLIT
    checksum = complement(summed)
    field.value = checksum if checksum != 0 else 0xFFFF  # 0 says that there is none (RFC 768); Linux: for TCP, too
    return Completion.COMPLETED


@hot
def _udp_has_checksum(packet, at, octets):
    """Whether a checksum is there, and of the datagram that fills its packet, as a sender with offload makes it."""
    return _Checksum(packet, at + _UDP_CHECKSUM).value != 0 and _Checksum(packet, at + _UDP_LENGTH).value == octets
