"""What the steering program and Python agree on: steer.h says the same in C, and a test compares them."""

from enum import IntEnum, IntFlag

PROGRAM_PREFIX = "bise_steer"
WORDS = 8  # of 64 bits, the last four spare
GATE, MAC, FLAGS, OVERLOAD = range(4)  # the words of a port, by place
DOUBT_BITS = 12  # of the hash that says which bit of `doubts` stands for an address
DOUBT_FACTOR = 0x9E3779B1  # Fibonacci hashing: 2^32 by the golden ratio
ROOM = 2048  # octets that a packet of the pool holds behind its headroom: longer ones are the kernel's


class Gate(IntFlag):
    """The gate word: what of a port's traffic is the kernel's."""

    OPEN = 0
    PASS_ALL = 1
    PASS_IPV4 = 2
    PASS_IPV6 = 4


class Flag(IntFlag):
    """INCOMPLETE_CHECKSUMS: the peer may leave checksums to hardware that isn't there (veth, virtio)."""

    NONE = 0
    INCOMPLETE_CHECKSUMS = 1


class Reason(IntEnum):
    """Why the steering program gave a packet to the kernel. WORKER is not counted: the worker does."""

    WORKER = 0
    GATE_ALL = 1
    GATE_IPV4 = 2
    GATE_IPV6 = 3
    RUNT = 4
    OTHER_MAC = 5
    BUFFERS = 6
    TAGGED = 7
    PROTOCOL = 8
    MULTICAST = 9
    CHECKSUM = 10
    VERDICT = 11
    LATE = 12
    OVERLOAD = 13


def mac_word(mac: int) -> int:
    """The word that the program compares: a MAC (48 bits, network order) as a little-endian load sees its octets."""
    return int.from_bytes(mac.to_bytes(6, "big"), "little")
