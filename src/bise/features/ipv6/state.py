"""What IPv6 remembers. Written by the control thread: the forwarding table (with the local table in it) and the next
hops that it names."""

from bise.hot import Header, le64


class State(Header):
    """What the nodes are given."""

    fib = le64(constant=True)  # address of the root of a Prefix128: destination -> index of a Hop
    hops = le64(constant=True)  # address of the array of Hop
    hashing = le64(constant=True)  # address of a Hashing: how flows are told apart where there are several next hops
