"""A node of somebody's own, in front of the way out: counts, and drops what goes to an odd address."""

from enum import IntEnum

from bise.engine.node import Drop, Insert, Part, node
from bise.hot import Header, le64
from bise.wire.ipv4 import IPv4


class State(Header):
    """Written by the worker."""

    seen = le64()


class Odd(IntEnum):
    ON = 0
    ODD = 1


@node(Odd, State)
def is_odd(packet, state, now):
    """Odd destinations end here."""
    state.seen += 1
    return Odd.ODD if IPv4(packet, packet.l3).destination & 1 else Odd.ON


PART = Part(
    {is_odd: {Odd.ODD: Drop("counting.odd", "an odd one")}}, (Insert(is_odd, "ipv4.forward", "OUTPUT", Odd.ON),)
)
