"""A twin of wire/offload.py that is obvious and slow: what Linux would have put where hardware should have."""

import struct

from bise.wire import ipv4, ipv6
from bise.wire.offload import Completion
from tests.wire.naive import ipv4_fault, ipv6_fault, number, ones_sum, upper_layer


def crc32c(octets: bytes) -> int:
    """RFC 9260 appendix A, bit by bit."""
    crc = 0xFFFF_FFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFF_FFFF


def complete(packet: bytes, further: int, version: int) -> tuple[Completion, bytes]:
    """What `complete_ipv4` and `complete_ipv6` do to a trusted packet, and with the octets of its contiguous part."""
    found = _payload(packet, version)
    inside = Completion.UNTOUCHED
    version, at = _inner(packet, further, *found[:3])
    if version:
        inside, packet = _complete(packet, *_payload(packet[at:], version, at))
    if inside == Completion.SPLIT:
        return inside, packet
    outside, packet = _complete(packet, *found)
    return outside or inside, packet


def _payload(packet: bytes, version: int, front: int = 0) -> tuple[int, int, int, bytes]:
    """Protocol, offset, octets, pseudo header."""
    if version == 4:
        start, protocol = (packet[0] & 15) * 4, packet[9]
        octets = number(packet, 2, 2) - start
        if number(packet, 6, 2) & 0x3FFF:
            protocol = -1
        return protocol, front + start, octets, packet[12:20] + struct.pack(">HH", packet[9], octets)
    protocol, start = upper_layer(packet)
    octets = 40 + number(packet, 4, 2) - start
    return protocol, front + start, octets, packet[8:40] + struct.pack(">IHH", max(octets, 0), 0, max(protocol, 0))


def _inner(packet: bytes, further: int, protocol: int, at: int, octets: int) -> tuple[int, int]:
    payload, end = packet[at : at + max(octets, 0)], at + octets
    kind = {4: 0x0800, 41: 0x86DD}.get(protocol, 0)
    if protocol == 47 and len(payload) >= 4 and not payload[0] & 0x4F and not payload[1]:
        kind = number(payload, 2, 2)
        at += 4 + 4 * (payload[0] & 0xB0).bit_count()
        if at > len(packet) or at - len(packet) + len(payload) > octets:
            return 0, at
    elif protocol == 17 and len(payload) >= 16 and 16 <= number(payload, 4, 2) <= octets:
        port, at = number(payload, 2, 2), at + 16
        if port in (4789, 8472) and payload[8] & 8:
            kind = 0x6558
        elif port == 6081 and payload[8] >> 6 == 0:
            kind, at = number(payload, 10, 2), at + (payload[8] & 63) * 4
            if at > len(packet):
                return 0, at
    if kind == 0x6558 and len(packet) >= at + 14:
        kind, at = number(packet, at + 12, 2), at + 14
        if kind in (0x8100, 0x88A8) and len(packet) >= at + 4:
            kind, at = number(packet, at + 2, 2), at + 4
    if kind == 0x0800 and ipv4_fault(packet[at:], further) == ipv4.Fault.NONE:
        return 4 if at + number(packet, at + 2, 2) <= end else 0, at
    if kind == 0x86DD and ipv6_fault(packet[at:], further) == ipv6.Fault.NONE:
        return 6 if at + 40 + number(packet, at + 4, 2) <= end else 0, at
    return 0, at


def _complete(packet: bytes, protocol: int, at: int, octets: int, pseudo: bytes) -> tuple[Completion, bytes]:
    place, least, size = {6: (16, 20, 2), 17: (6, 8, 2), 132: (8, 12, 4)}.get(protocol, (0, 1 << 20, 0))
    if octets < least:
        return Completion.UNTOUCHED, packet
    if len(packet) < at + place + size:
        return Completion.SPLIT, packet
    field = number(packet, at + place, size)
    if protocol == 17 and (field == 0 or number(packet, at + 4, 2) != octets):
        return Completion.UNTOUCHED, packet
    if field % 0xFFFF != ones_sum(pseudo) % 0xFFFF if protocol != 132 else field:
        return Completion.UNTOUCHED, packet
    if len(packet) < at + octets:
        return Completion.SPLIT, packet
    segment = packet[at : at + octets]
    if protocol == 132:
        value = struct.pack("<I", crc32c(segment))
    else:
        value = struct.pack(">H", ~ones_sum(segment) & 0xFFFF or 0xFFFF)
    return Completion.COMPLETED, packet[: at + place] + value + packet[at + place + size :]
