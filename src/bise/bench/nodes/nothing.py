"""A user's node that does nothing, where every IPv4 packet comes by."""

from enum import IntEnum

from bise.node import Insert, Part, node


class Pass(IntEnum):
    ON = 0


@node(Pass)
def see(packet, state, now):
    """Let everything through."""
    return Pass.ON


PART = Part({}, inserts=(Insert(see, "ipv4.input", "VALID", Pass.ON),))
