"""ICMP (RFC 792): the fields that all messages begin with. Bise reads them; Linux answers."""

from enum import IntEnum

from bise.hot import Header, be16, be32, hot, u8


class Type(IntEnum):
    """What a message says (RFC 792)."""

    ECHO_REPLY = 0
    DESTINATION_UNREACHABLE = 3
    SOURCE_QUENCH = 4
    REDIRECT = 5
    ECHO = 8
    TIME_EXCEEDED = 11
    PARAMETER_PROBLEM = 12


class Fault(IntEnum):
    """Why an ICMP header can't be trusted."""

    NONE = 0
    SHORT = 1


class ICMP(Header):
    """Trusted once `fault` returns NONE: the fields are there. Whether they arrived well, `checksum.intact` tells."""

    type = u8()
    code = u8()
    checksum = be16()
    rest = be32()

    def __str__(self) -> str:
        known = {member.value: member.name.lower().replace("_", " ") for member in Type}
        return f"icmp {known.get(self.type, f'type {self.type}')} code {self.code}"


SIZE = ICMP.size


@hot
def fault(packet, offset, octets):
    """Whether a payload of `octets` octets at `offset`, which `ipv4.fault` found in the packet, holds the header."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    return Fault.NONE


@hot
def is_error(icmp):
    """Whether the message quotes the packet that it is about, whose flow it belongs to (RFC 1122 3.2.2)."""
    if Type.DESTINATION_UNREACHABLE <= icmp.type <= Type.REDIRECT:
        return True
    return icmp.type == Type.TIME_EXCEEDED or icmp.type == Type.PARAMETER_PROBLEM
