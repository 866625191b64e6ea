"""Generic routing encapsulation (RFC 2784, with the key and sequence number of RFC 2890)."""

from enum import IntEnum

from bise.hot import Header, be16, hot
from bise.wire.ethernet import ethertype_text

CHECKSUM, KEY, SEQUENCE = 0x8000, 0x2000, 0x1000  # each announces four octets more
_VERSION_AND_RESERVED = 0x4FFF


class Fault(IntEnum):
    """Why a GRE header can't be trusted."""

    NONE = 0
    SHORT = 1
    VERSION = 2


class GRE(Header):
    """Trusted once `fault` returns NONE: version 0, and all of `header_octets` lie within the payload of its packet."""

    flags_version = be16()
    protocol = be16()

    def __str__(self) -> str:
        return f"gre {ethertype_text(self.protocol)} flags {self.flags_version:#06x}"


SIZE = GRE.size


@hot
def fault(packet, offset, octets):
    """Whether a payload of `octets` octets at `offset` begins with a GRE header that RFC 2890 explains."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    gre = GRE(packet, offset)
    if gre.flags_version & _VERSION_AND_RESERVED != 0:
        return Fault.VERSION
    if header_octets(gre) > octets or header_octets(gre) > packet.length - offset:
        return Fault.SHORT
    return Fault.NONE


@hot
def header_octets(gre):
    """The header's length with its optional fields."""
    flags = gre.flags_version
    return SIZE + 4 * ((flags & CHECKSUM != 0) + (flags & KEY != 0) + (flags & SEQUENCE != 0))
