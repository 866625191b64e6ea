"""What IPv4 remembers. Written by the control thread: the forwarding table (with the local table in it), the next hops
that it names, and what makes a source need a closer look."""

from enum import IntEnum

from bise.hot import Header, le64

# What makes a source need a closer look, an octet each: by its own first octet, by a hash of it, by the port's number.
FIRST_OCTETS, OWN_HASHES, PORTS = 256, 4096, 256
OWN_AT, CHECKS_AT = FIRST_OCTETS, FIRST_OCTETS + OWN_HASHES
DOUBTS_SIZE = CHECKS_AT + PORTS


class SourceCheck(IntEnum):
    """What is asked of a source address on a port (net.ipv4.conf.*.rp_filter; RFC 3704)."""

    OWN = 0  # not to be ours
    STRICT = 1  # the way back is the port that it came in by
    LOOSE = 2  # there is a way back
    LOOSE_UNADDRESSED = 3  # the same on a port without an IPv4 address, where Linux asks for more


class State(Header):
    """What the nodes are given."""

    fib = le64(constant=True)  # address of the root of a Prefix32: destination -> index of a Hop
    hops = le64(constant=True)  # address of the array of Hop
    hashing = le64(constant=True)  # address of a Hashing: how flows are told apart where there are several next hops
    doubts = le64(constant=True)  # address of DOUBTS_SIZE octets: a SourceCheck for a port, else 0 or 1
