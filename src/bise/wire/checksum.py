"""The Internet checksum (RFC 1071), the pseudo headers that it begins with, and updating it (RFC 1624).

Sums are 16 bits in network order, not complemented; 0 only where every octet is 0. The field holds the complement.
"""

from bise.hot import Header, hot, le16, le32, le64, shift_right64, u8


class _Eight(Header):
    value = le64()


class _Four(Header):
    value = le32()


class _Two(Header):
    value = le16()


class _One(Header):
    value = u8()


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
def intact(packet, offset, octets, pseudo):
    """1 where the checksum within these octets is right, 0 where it is wrong, -1 if they are not all in one piece.

    `pseudo` is the pseudo header's sum; 0 where the protocol has none (ICMP)."""
    words = total(packet, offset, octets)
    if words == -1:
        return -1
    return 1 if folded(words + pseudo) == 0xFFFF else 0
