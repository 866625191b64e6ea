"""User datagrams (RFC 768)."""

from enum import IntEnum

from bise.hot import Header, be16, hot


class Fault(IntEnum):
    """Why a UDP header can't be trusted."""

    NONE = 0
    SHORT = 1
    LENGTH = 2


class UDP(Header):
    """Trusted once `fault` returns NONE: the header is there and `length` lies within the payload of its packet.

    A router checks neither this nor the checksum; whoever reads beyond the ports does."""

    source_port = be16()
    destination_port = be16()
    length = be16()
    checksum = be16()

    def __str__(self) -> str:
        return f"udp {self.source_port} > {self.destination_port} length {self.length}"


SIZE = UDP.size


@hot
def fault(packet, offset, octets):
    """What Linux's udp_rcv finds wrong with a payload of `octets` octets at `offset`, save its checksum."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    udp = UDP(packet, offset)
    if udp.length < SIZE or udp.length > octets:
        return Fault.LENGTH
    return Fault.NONE
