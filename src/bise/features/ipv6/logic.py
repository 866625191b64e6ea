"""What IPv6 decides about addresses without tables."""

from bise.hot import hot, shift_right64

_MULTICAST = 0xFF
_NARROW = 0xFE80  # link-local addresses and everything above them


@hot
def is_multicast(high):
    """An address of ff00::/8 (RFC 4291 2.7), by its upper half."""
    return shift_right64(high, 56) == _MULTICAST


@hot
def is_odd_source(high):
    """A source that may not be forwarded, or not without a closer look: ::/64 (unspecified, loopback, mapped IPv4),
    link-local, multicast (RFC 4291 2.5, 2.7; net/ipv6/ip6_input.c, ip6_output.c)."""
    return high == 0 or shift_right64(high, 48) >= _NARROW
