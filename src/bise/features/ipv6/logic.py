"""What IPv6 decides about addresses without tables."""

from bise.hot import hot, shift_right64

_NARROW = 0xFE80  # link-local addresses and everything above them


@hot
def is_odd_source(high):
    """A source that may not be forwarded, or not without a closer look: ::/64 (unspecified, mapped IPv4) and
    link-local (RFC 4291 2.5; net/ipv6/ip6_output.c); what `ipv6.fault` refuses is gone before."""
    return high == 0 or shift_right64(high, 48) >= _NARROW
