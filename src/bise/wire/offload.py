"""Checksums that a sender left to hardware that isn't there, completed.

A veth or virtio peer with transmit checksum offload hands over TCP and UDP checksums that hold only the sum of the
pseudo header (Linux's CHECKSUM_PARTIAL); nothing beside the packet says so.
"""

from enum import IntEnum

from bise.hot import Header, be16, hot
from bise.wire import checksum, ipv4, ipv6
from bise.wire.ipv4 import IPv4, Protocol
from bise.wire.ipv6 import IPv6


class Completion(IntEnum):
    """What `complete_ipv4` and `complete_ipv6` did."""

    UNTOUCHED = 0  # the checksum was complete, or there is none
    COMPLETED = 1
    SPLIT = 2  # it is partial, or may be, and the packet is not in one piece: only Linux can complete it


class _Checksum(Header):
    value = be16()


_CHECKSUM_OCTETS = 2
_TCP_OCTETS, _TCP_CHECKSUM = 20, 16
_UDP_OCTETS, _UDP_CHECKSUM, _UDP_LENGTH = 8, 6, 4


@hot
def complete_ipv4(packet, offset):
    """Completes a partial checksum behind the trusted IPv4 header at `offset`; fragments are left alone."""
    ip = IPv4(packet, offset)
    if ipv4.is_fragment(ip):
        return Completion.UNTOUCHED
    octets = ip.total_length - ipv4.header_octets(ip)
    pseudo = checksum.pseudo_ipv4(ip, ip.protocol, octets)
    return _complete(packet, offset + ipv4.header_octets(ip), octets, ip.protocol, pseudo)


@hot
def complete_ipv6(packet, offset):
    """Completes a partial checksum behind the trusted IPv6 header at `offset`; fragments are left alone."""
    ip = IPv6(packet, offset)
    protocol, at = ipv6.upper_layer(packet, offset)
    if protocol == -1:
        return Completion.UNTOUCHED
    octets = offset + ipv6.SIZE + ip.payload_length - at
    return _complete(packet, at, octets, protocol, checksum.pseudo_ipv6(ip, protocol, octets))


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
    summed = checksum.total(packet, at, octets)
    if summed == -1:
        return Completion.SPLIT
    complete = checksum.complement(summed)
    field.value = complete if complete != 0 else 0xFFFF  # 0 says that there is none (RFC 768); Linux: for TCP, too
    return Completion.COMPLETED


@hot
def _udp_has_checksum(packet, at, octets):
    """Whether a checksum is there, and of the datagram that fills its packet, as a sender with offload makes it."""
    return _Checksum(packet, at + _UDP_CHECKSUM).value != 0 and _Checksum(packet, at + _UDP_LENGTH).value == octets
