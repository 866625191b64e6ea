"""Ethernet II framing (RFC 894, IEEE 802.3): the first 14 octets of every packet that a port hands over."""

from enum import IntEnum

from bise.hot import Header, be16, be48, hot


class EtherType(IntEnum):
    """What the payload is (IANA, IEEE 802 numbers); below 1536 the field is a length (RFC 1042, IEEE 802.2)."""

    IPV4 = 0x0800
    ARP = 0x0806
    ETHERNET = 0x6558  # a frame within something else
    VLAN = 0x8100
    IPV6 = 0x86DD
    MPLS = 0x8847
    SERVICE_VLAN = 0x88A8
    LLDP = 0x88CC
    MACSEC = 0x88E5


class Fault(IntEnum):
    """Why an Ethernet header can't be trusted."""

    NONE = 0
    SHORT = 1


class Ethernet(Header):
    """Trusted once `fault` returns NONE: all 14 octets are there."""

    destination = be48()
    source = be48()
    ethertype = be16()

    def __str__(self) -> str:
        return f"{mac_text(self.source)} > {mac_text(self.destination)} {ethertype_text(self.ethertype)}"


SIZE = Ethernet.size


@hot
def fault(packet, offset):
    """Whether the frame has a whole header."""
    if packet.length - offset < SIZE:
        return Fault.SHORT
    return Fault.NONE


@hot
def seems(packet, ethertype, octets):
    """Whether a packet of which nothing has been checked looks as if it carried so many octets of this, untagged."""
    return packet.length >= SIZE + octets and Ethernet(packet, 0).ethertype == ethertype


@hot
def is_group(mac):
    """Multicast or broadcast: the group bit of the first octet (IEEE 802)."""
    return mac & 0x0100_0000_0000 != 0


def mac_text(mac: int) -> str:
    """A MAC address as people write it."""
    return mac.to_bytes(6, "big").hex(":")


def ethertype_text(ethertype: int) -> str:
    """An EtherType's name, or its number."""
    known = {member.value: member.name.lower() for member in EtherType}
    return known.get(ethertype, f"ethertype {ethertype:#06x}")
