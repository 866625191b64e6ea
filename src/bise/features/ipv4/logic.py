"""What IPv4 decides about addresses, without tables where that is enough."""

from bise.features.ipv4.state import OWN_BITS
from bise.features.nexthop.state import Hop, HopKind
from bise.hot import hot, load8, nth
from bise.tables.prefix32 import look_up32

_LIMITED_BROADCAST = 0xFFFFFFFF


@hot
def is_odd_source(source):
    """A source that Linux calls martian wherever it comes from: 0/8, 127/8, multicast, 255.255.255.255
    (RFC 1812 5.3.7, RFC 1122 3.2.1.3; net/ipv4/route.c, ip_route_input_slow)."""
    network = source >> 24
    if network == 0 or network == 127:
        return True
    return network >= 224 and (network < 240 or source == _LIMITED_BROADCAST)


@hot
def own_bit(address):
    """Where an address stands in the filter of our own addresses."""
    return (address ^ address >> 12 ^ address >> 24) % OWN_BITS


@hot
def is_own(state, source):
    """Whether a source is an address of this host: one load for nearly every packet, and a look-up for those few that
    share a bit of the filter with such an address."""
    bit = own_bit(source)
    if load8(state.own + (bit >> 3)) >> (bit & 7) & 1 == 0:
        return False
    return nth(Hop, state.hops, look_up32(state.fib, source)).kind == HopKind.LOCAL
