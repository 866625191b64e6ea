"""What is known of each next hop. Written by the control thread; workers write `used` alone.

All routes through one neighbour share one record: nothing is kept or counted per route.
"""

from enum import IntEnum

from bise.hot import Header, le16, le32, le64, u8


class HopKind(IntEnum):
    """What becomes of packets that a route leads here. 0 is what an unused record says."""

    NO_ROUTE = 0
    FORWARD = 1  # to a neighbour whose MAC is known
    GROUP = 2  # one of several next hops, by a hash of the flow
    LOCAL = 3  # to this host
    UNRESOLVED = 4  # to a neighbour whose MAC Linux has to find first
    BLACKHOLE = 5
    UNREACHABLE = 6
    PROHIBIT = 7
    OTHER_LINK = 8  # out by a link that is no port of ours
    KERNEL = 9  # a route that only Linux can follow
    BROADCAST = 10  # to all hosts of a network, or a group: Linux's


class Hop(Header):
    """One next hop; 32 octets, two to a cache line."""

    kind = u8()  # HopKind
    lost = u8()  # UNRESOLVED: 1 if Linux asked for the MAC in vain; GROUP: 1 if Linux passes over such members
    egress = le16()  # FORWARD: port number; GROUP: number of members
    mtu = le32()  # octets of the largest IP packet
    macs = le64()  # FORWARD: destination MAC and the first 2 octets of the source, as they go on the wire
    macs_end = le32()  # FORWARD: the last 4 octets of the source MAC
    used = le32()  # the worker's window (about a second) in which it last carried a packet; written by workers
    members = le64()  # GROUP: address of an array of Member


class Member(Header):
    """One of a group's next hops: the first whose `bound` is not below the flow's hash is chosen."""

    bound = le32()  # 31 bits
    hop = le32()  # index of its Hop


class Hashing(Header):
    """How Linux tells the flows of a family apart (net.*.fib_multipath_hash_*), and what it looks at besides."""

    linux = u8()  # 1: only Linux knows
    quoting = u8()  # 1: ICMP errors belong to the flow that they quote
    inner = u8()  # 1: what a tunnel carries counts, which only Linux reads
    folded = u8()  # 1: the hash is hashed once more
    careful = u8()  # 1: no group's members that Linux asked for in vain are chosen
    padding = u8()
    counted = le16()  # which of the packet's fields count (choice.Field)
    key = le64()  # both halves of the hash's key


class State(Header):
    """What the nodes are given."""

    hops = le64(constant=True)  # address of the array of Hop


WINDOW_BITS = 30  # a window is 2^30 ns
