"""A user's node that has something to do: each packet costs 150 cycles of the time-stamp counter more."""

from enum import IntEnum

from bise.hot import cycles
from bise.node import Insert, Part, node

CYCLES = 150


class Burn(IntEnum):
    ON = 0


@node(Burn)
def burn(packet, state, now):
    """Let time pass."""
    begun, spent = cycles(), 0
    while spent < CYCLES:
        spent = cycles() - begun
    return Burn.ON


PART = Part({}, (Insert(burn, "nexthop.output", "TRANSMIT", Burn.ON),))
