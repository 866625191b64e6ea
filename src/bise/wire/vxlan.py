"""VXLAN (RFC 7348): an Ethernet frame in a datagram."""

from enum import IntEnum

from bise.hot import Header, be32, hot

PORT = 4789
OLD_LINUX_PORT = 8472  # Linux's, unless told otherwise
_VALID = 0x0800_0000


class Fault(IntEnum):
    """Why a VXLAN header can't be trusted."""

    NONE = 0
    SHORT = 1
    FLAGS = 2


class VXLAN(Header):
    """Trusted once `fault` returns NONE: it is whole and has a network identifier."""

    flags = be32()
    identifier = be32()  # in its upper 24 bits

    def __str__(self) -> str:
        return f"vxlan {self.identifier >> 8}"


SIZE = VXLAN.size


@hot
def fault(packet, offset, octets):
    """Whether `octets` octets of datagram content at `offset` begin with a VXLAN header."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    if VXLAN(packet, offset).flags & _VALID == 0:
        return Fault.FLAGS
    return Fault.NONE
