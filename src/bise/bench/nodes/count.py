"""A user's node that counts every IPv4 packet."""

from enum import IntEnum

from bise.node import Header, Insert, Part, le64, node


class Seen(Header):
    packets = le64()


class Pass(IntEnum):
    ON = 0


@node(Pass, Seen)
def see(packet, state, now):
    """Let everything through."""
    state.packets += 1
    return Pass.ON


PART = Part({}, inserts=(Insert(see, "ipv4.input", "VALID", Pass.ON),))
