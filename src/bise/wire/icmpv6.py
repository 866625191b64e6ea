"""ICMPv6 (RFC 4443) and the types of neighbour discovery (RFC 4861) and multicast listeners. Linux answers them."""

from enum import IntEnum

from bise.hot import Header, be16, be32, hot, u8


class Type(IntEnum):
    """What a message says; below 128 it is an error (RFC 4443 2.1)."""

    DESTINATION_UNREACHABLE = 1
    PACKET_TOO_BIG = 2
    TIME_EXCEEDED = 3
    PARAMETER_PROBLEM = 4
    ECHO_REQUEST = 128
    ECHO_REPLY = 129
    LISTENER_QUERY = 130
    LISTENER_REPORT = 131
    LISTENER_DONE = 132
    ROUTER_SOLICITATION = 133
    ROUTER_ADVERTISEMENT = 134
    NEIGHBOUR_SOLICITATION = 135
    NEIGHBOUR_ADVERTISEMENT = 136
    REDIRECT = 137
    LISTENER_REPORT_2 = 143


class Fault(IntEnum):
    """Why an ICMPv6 header can't be trusted."""

    NONE = 0
    SHORT = 1


class ICMPv6(Header):
    """Trusted once `fault` returns NONE: the fields are there. Whether they arrived well, `checksum.intact` tells."""

    type = u8()
    code = u8()
    checksum = be16()
    body = be32()

    def __str__(self) -> str:
        known = {member.value: member.name.lower().replace("_", " ") for member in Type}
        return f"icmpv6 {known.get(self.type, f'type {self.type}')} code {self.code}"


SIZE = ICMPv6.size


@hot
def fault(packet, offset, octets):
    """Whether a payload of `octets` octets at `offset`, which `ipv6.fault` found in the packet, holds the header."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    return Fault.NONE


@hot
def is_error(icmp):
    """Whether the message quotes the packet that it is about, whose flow it belongs to (RFC 4443 3)."""
    return Type.DESTINATION_UNREACHABLE <= icmp.type <= Type.PARAMETER_PROBLEM


@hot
def is_discovery(icmp):
    """Neighbour discovery (RFC 4861 4): on its link alone, and urgent."""
    return Type.ROUTER_SOLICITATION <= icmp.type <= Type.REDIRECT
