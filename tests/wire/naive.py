"""Twins of wire/ that are obvious and slow: written from the RFCs and from Linux's order of checks, over bytes."""

from bise.wire import icmp, ipv4, ipv6, tcp, udp


def number(octets: bytes, offset: int, size: int) -> int:
    """`size` octets in network order."""
    return int.from_bytes(octets[offset : offset + size], "big")


def ones_sum(octets: bytes) -> int:
    """RFC 1071's one's complement sum, word by word."""
    padded = octets + b"\0" * (len(octets) % 2)
    result = 0
    for at in range(0, len(padded), 2):
        result += number(padded, at, 2)
        result = (result & 0xFFFF) + (result >> 16)
    return result


def ipv4_fault(packet: bytes, further: int) -> ipv4.Fault:
    """Linux's ip_rcv_core for the octets of a packet, of which `further` lie elsewhere."""
    if len(packet) < 20:
        return ipv4.Fault.SHORT
    version, words = packet[0] >> 4, packet[0] & 15
    if version != 4:
        return ipv4.Fault.VERSION
    if words < 5 or words * 4 > len(packet):
        return ipv4.Fault.HEADER_LENGTH
    if ones_sum(packet[: words * 4]) != 0xFFFF:
        return ipv4.Fault.CHECKSUM
    octets = number(packet, 2, 2)
    if octets > len(packet) + further or octets < words * 4:
        return ipv4.Fault.TOTAL_LENGTH
    return ipv4.Fault.NONE


def decrease_ttl(header: bytes) -> bytes:
    """Linux's ip_decrease_ttl, as it runs on a little-endian machine (include/net/ip.h)."""
    check = int.from_bytes(header[10:12], "little")
    check += 1  # htons(0x0100)
    check = (check + (check >= 0xFFFF)) & 0xFFFF
    ttl = (header[8] - 1) & 0xFF
    return header[:8] + bytes([ttl, header[9]]) + check.to_bytes(2, "little") + header[12:]


def ipv6_fault(packet: bytes, further: int) -> ipv6.Fault:
    """Linux's ip6_rcv_core for a packet that did not come by the loopback interface."""
    if len(packet) < 40:
        return ipv6.Fault.SHORT
    if packet[0] >> 4 != 6:
        return ipv6.Fault.VERSION
    source, destination = packet[8:24], packet[24:40]
    loopback = bytes(15) + b"\1"
    if source[0] == 0xFF or source == loopback:
        return ipv6.Fault.SOURCE
    if destination == loopback or (destination[0] == 0xFF and destination[1] & 15 in (0, 1)):
        return ipv6.Fault.DESTINATION
    payload = number(packet, 4, 2)
    if payload == 0 and packet[6] == 0:
        return ipv6.Fault.NONE
    if payload + 40 > len(packet) + further:
        return ipv6.Fault.PAYLOAD_LENGTH
    return ipv6.Fault.NONE


def upper_layer(packet: bytes) -> tuple[int, int]:
    """Past at most eight extension headers (RFC 8200 4), up to a fragment header."""
    protocol, at = packet[6], 40
    for _ in range(9):
        if protocol not in (0, 43, 60, 51):
            return protocol, at
        if _ == 8 or len(packet) < at + 8:
            return -1, at
        length = packet[at + 1]
        protocol, at = packet[at], at + ((length + 2) * 4 if protocol == 51 else (length + 1) * 8)
    raise AssertionError


def icmp_fault(packet: bytes, octets: int) -> icmp.Fault:
    """RFC 792: eight octets at least."""
    return icmp.Fault.SHORT if min(len(packet), octets) < 8 else icmp.Fault.NONE


def udp_fault(packet: bytes, octets: int) -> udp.Fault:
    """Linux's __udp4_lib_rcv: the header, then its length against the payload."""
    if min(len(packet), octets) < 8:
        return udp.Fault.SHORT
    return udp.Fault.NONE if 8 <= number(packet, 4, 2) <= octets else udp.Fault.LENGTH


def tcp_fault(packet: bytes, octets: int) -> tcp.Fault:
    """Linux's tcp_v4_rcv: the header, then its data offset against the payload."""
    if min(len(packet), octets) < 20:
        return tcp.Fault.SHORT
    header = (packet[12] >> 4) * 4
    return tcp.Fault.NONE if 20 <= header <= min(octets, len(packet)) else tcp.Fault.DATA_OFFSET
