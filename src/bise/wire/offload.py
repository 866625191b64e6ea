"""Checksums that a sender left to hardware that isn't there, completed.

A veth or virtio peer with transmit offload hands over TCP and UDP checksums that hold only the sum of the pseudo header
(Linux's CHECKSUM_PARTIAL) and SCTP checksums of 0; nothing beside the packet says so. In a tunnel it is the innermost
one that is left out.
"""

from enum import IntEnum

from bise.hot import Header, be16, hot
from bise.wire import checksum, ipv4, ipv6, sctp, tunnel
from bise.wire.ethernet import EtherType
from bise.wire.ipv4 import IPv4, Protocol
from bise.wire.ipv6 import IPv6
from bise.wire.sctp import SCTP


class Completion(IntEnum):
    """What `complete_ipv4` and `complete_ipv6` did."""

    UNTOUCHED = 0  # what is there was complete, or can't be left out
    COMPLETED = 1
    SPLIT = 2  # it is partial, or may be, and the packet is not in one piece


class _Checksum(Header):
    value = be16()


_CHECKSUM_OCTETS = 2
_TCP_OCTETS, _TCP_CHECKSUM = 20, 16
_UDP_OCTETS, _UDP_CHECKSUM, _UDP_LENGTH = 8, 6, 4


@hot
def complete_ipv4(packet, offset):
    """Completes what is partial behind the trusted IPv4 header at `offset`, and in a tunnel one level further."""
    protocol, at, octets, pseudo = _payload_ipv4(packet, offset)
    return _complete_both(packet, protocol, at, octets, pseudo)


@hot
def complete_ipv6(packet, offset):
    """Completes what is partial behind the trusted IPv6 header at `offset`, and in a tunnel one level further."""
    protocol, at, octets, pseudo = _payload_ipv6(packet, offset)
    return _complete_both(packet, protocol, at, octets, pseudo)


@hot
def _complete_both(packet, protocol, at, octets, pseudo):
    """The inner one comes first: the outer one, where it is complete, was made for a completed inner one."""
    inner_protocol, inner_at, inner_octets, inner_pseudo = _payload_inside(packet, protocol, at, octets)
    inside = _complete(packet, inner_protocol, inner_at, inner_octets, inner_pseudo)
    if inside == Completion.SPLIT:
        return inside
    outside = _complete(packet, protocol, at, octets, pseudo)
    return outside if outside != Completion.UNTOUCHED else inside


@hot
def _payload_inside(packet, protocol, at, octets):
    """As `_payload_ipv4`, of what a tunnel carries; protocol -1 where nothing is inside."""
    kind, offset = tunnel.inner(packet, protocol, at, octets)
    if kind == EtherType.IPV4:
        return _payload_ipv4(packet, offset)
    if kind == EtherType.IPV6:
        return _payload_ipv6(packet, offset)
    return -1, at, 0, 0


@hot
def _payload_ipv4(packet, offset):
    """Protocol (-1 in a fragment: those are always complete), offset, octets, and the sum of the pseudo header."""
    ip = IPv4(packet, offset)
    octets = ip.total_length - ipv4.header_octets(ip)
    protocol = -1 if ipv4.is_fragment(ip) else ip.protocol
    return protocol, offset + ipv4.header_octets(ip), octets, checksum.pseudo_ipv4(ip, ip.protocol, octets)


@hot
def _payload_ipv6(packet, offset):
    ip = IPv6(packet, offset)
    protocol, at = ipv6.upper_layer(packet, offset)
    octets = offset + ipv6.SIZE + ip.payload_length - at
    pseudo = checksum.pseudo_ipv6(ip, protocol, octets) if octets >= 0 and protocol >= 0 else 0
    return protocol, at, octets, pseudo


@hot
def _complete(packet, protocol, at, octets, pseudo):
    """A partial checksum is the sum of the pseudo header. One that equals it by chance, yet is complete, stays as it
    is: what comes out is what must have been there."""
    if protocol == Protocol.TCP and octets >= _TCP_OCTETS:
        place = at + _TCP_CHECKSUM
    elif protocol == Protocol.UDP and octets >= _UDP_OCTETS:
        place = at + _UDP_CHECKSUM
    elif protocol == Protocol.SCTP and octets >= sctp.SIZE:
        return _complete_sctp(packet, at, octets)
    else:
        return Completion.UNTOUCHED
    if place + _CHECKSUM_OCTETS > packet.length:
        return Completion.SPLIT
    if protocol == Protocol.UDP and not _is_whole_datagram(packet, at, octets):
        return Completion.UNTOUCHED
    field = _Checksum(packet, place)
    if field.value % 0xFFFF != pseudo % 0xFFFF:
        return Completion.UNTOUCHED
    words = checksum.total(packet, at, octets)
    if words == -1:
        return Completion.SPLIT
    complete = checksum.complement(words)
    field.value = complete if complete != 0 else 0xFFFF  # 0 says that there is none (RFC 768); Linux: for TCP, too
    return Completion.COMPLETED


@hot
def _is_whole_datagram(packet, at, octets):
    """Whether there is a checksum, and of a datagram that fills its packet, as a sender with offload makes it."""
    return _Checksum(packet, at + _UDP_CHECKSUM).value != 0 and _Checksum(packet, at + _UDP_LENGTH).value == octets


@hot
def _complete_sctp(packet, at, octets):
    if packet.length - at < sctp.SIZE:
        return Completion.SPLIT
    header = SCTP(packet, at)
    if header.checksum != 0:
        return Completion.UNTOUCHED
    crc = sctp.crc32c(packet, at, octets)
    if crc == -1:
        return Completion.SPLIT
    header.checksum = crc
    return Completion.COMPLETED
