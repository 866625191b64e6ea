"""VLAN tags (IEEE 802.1Q, 802.1ad): recognised, so that tagged packets can be given to Linux."""

from enum import IntEnum

from bise.hot import Header, be16, hot
from bise.wire.ethernet import EtherType, ethertype_text


class Fault(IntEnum):
    """Why a tag can't be trusted."""

    NONE = 0
    SHORT = 1


class Tag(Header):
    """What follows an EtherType that `is_tag`. Trusted once `fault` returns NONE: both fields are there."""

    control = be16()  # priority 3 bits, drop eligible 1, identifier 12
    ethertype = be16()

    def __str__(self) -> str:
        return f"vlan {self.control & 0xFFF} priority {self.control >> 13} {ethertype_text(self.ethertype)}"


SIZE = Tag.size


@hot
def is_tag(ethertype):
    """Whether a VLAN tag follows."""
    return ethertype == EtherType.VLAN or ethertype == EtherType.SERVICE_VLAN


@hot
def fault(packet, offset):
    """Whether the tag is whole."""
    if packet.length - offset < SIZE:
        return Fault.SHORT
    return Fault.NONE


@hot
def identifier(tag):
    """The VLAN; 0: a priority and no VLAN."""
    return tag.control & 0xFFF
