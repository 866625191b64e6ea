"""Address resolution for IPv4 over Ethernet (RFC 826)."""

from enum import IntEnum
from ipaddress import IPv4Address

from bise.hot import Header, be16, be32, be48, hot, u8
from bise.wire.ethernet import EtherType, mac_text

_ETHERNET = 1
_HARDWARE_LENGTH, _PROTOCOL_LENGTH = 6, 4


class Opcode(IntEnum):
    """What an ARP packet says."""

    REQUEST = 1
    REPLY = 2


class Fault(IntEnum):
    """Why an ARP packet can't be trusted."""

    NONE = 0
    SHORT = 1
    HARDWARE = 2
    PROTOCOL = 3
    LENGTHS = 4


class ARP(Header):
    """Trusted once `fault` returns NONE: it is whole and speaks of Ethernet and IPv4 addresses."""

    hardware = be16()
    protocol = be16()
    hardware_length = u8()
    protocol_length = u8()
    opcode = be16()
    sender_hardware = be48()
    sender_protocol = be32()
    target_hardware = be48()
    target_protocol = be32()

    def __str__(self) -> str:
        sender, target = IPv4Address(self.sender_protocol), IPv4Address(self.target_protocol)
        if self.opcode == Opcode.REQUEST:
            return f"who has {target}? tell {sender}"
        return f"opcode {self.opcode}: {sender} is at {mac_text(self.sender_hardware)}, to {target}"


SIZE = ARP.size


@hot
def fault(packet, offset):
    """The checks of RFC 826's packet reception, for Ethernet and IPv4 alone."""
    if packet.length - offset < SIZE:
        return Fault.SHORT
    arp = ARP(packet, offset)
    if arp.hardware != _ETHERNET:
        return Fault.HARDWARE
    if arp.protocol != EtherType.IPV4:
        return Fault.PROTOCOL
    if arp.hardware_length != _HARDWARE_LENGTH or arp.protocol_length != _PROTOCOL_LENGTH:
        return Fault.LENGTHS
    return Fault.NONE
