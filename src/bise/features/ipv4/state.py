"""What IPv4 remembers. Written by the control thread: the forwarding table (with the local table in it), the next hops
that it names, and a filter of our own addresses."""

from bise.hot import Header, le64

OWN_BITS = 4096  # of the filter


class State(Header):
    """What the nodes are given."""

    fib = le64(constant=True)  # address of the root of a Prefix32: destination -> index of a Hop
    hops = le64(constant=True)  # address of the array of Hop
    own = le64(constant=True)  # address of a bit field: a bit for every hash of an address of our own
