"""Geneve (RFC 8926): any protocol in a datagram, with options."""

from enum import IntEnum

from bise.hot import Header, be16, be32, hot, u8
from bise.wire.ethernet import ethertype_text

PORT = 6081


class Fault(IntEnum):
    """Why a Geneve header can't be trusted."""

    NONE = 0
    SHORT = 1
    VERSION = 2


class Geneve(Header):
    """Trusted once `fault` returns NONE: version 0, and the options are there."""

    version_length = u8()  # two bits of version, options in units of 4 octets
    flags = u8()
    protocol = be16()
    identifier = be32()  # in its upper 24 bits

    def __str__(self) -> str:
        return f"geneve {self.identifier >> 8} {ethertype_text(self.protocol)}"


SIZE = Geneve.size


@hot
def fault(packet, offset, octets):
    """Whether `octets` octets of datagram content at `offset` begin with a Geneve header."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    geneve = Geneve(packet, offset)
    if geneve.version_length >> 6 != 0:
        return Fault.VERSION
    if header_octets(geneve) > octets or header_octets(geneve) > packet.length - offset:
        return Fault.SHORT
    return Fault.NONE


@hot
def header_octets(geneve):
    """The header's length with its options."""
    return SIZE + (geneve.version_length & 0x3F) * 4
