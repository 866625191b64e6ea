"""A node of somebody's own that sends packets elsewhere: it changes the destination before the look-up."""

from enum import IntEnum

from bise.engine.node import Insert, Part, node
from bise.wire.ipv6 import IPv6
from tests.offline.counting import State


class Rewrite(IntEnum):
    ON = 0


@node(Rewrite, State)
def rewrite(packet, state, now):
    """2001:db8:x::/48 becomes 2001:db8:x+1::/48."""
    state.seen += 1
    IPv6(packet, packet.l3).destination_high += 1 << 16
    return Rewrite.ON


PART = Part({rewrite: {}}, (Insert(rewrite, "ipv6.input", "VALID", Rewrite.ON),))
