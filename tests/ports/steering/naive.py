"""The steering program's decision once more, slow and obvious."""

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from bise.ports.steering.layout import Flag, Gate, Reason

COMPLETABLE = {1, 2, 6, 17, 50, 51, 58, 59, 89, 112}
TUNNEL_PORTS = {4789, 8472, 4790, 6081, 6080, 5555, 6635, 2152}


@dataclass
class Port:
    """What the program knows of a port."""

    mac: bytes
    gate: Gate = Gate.OPEN
    flags: Flag = Flag.NONE
    verdicts: set[int] = field(default_factory=set)
    late: bool = False


def decide(port: Port, packet: bytes) -> Reason:
    """Whose the packet is."""
    if Gate.PASS_ALL in port.gate:
        return Reason.GATE_ALL
    if len(packet) < 34:
        return Reason.RUNT
    if packet[:6] != port.mac:
        return Reason.OTHER_MAC
    if len(packet) > 2048:
        return Reason.BUFFERS
    kind = struct.unpack_from("!H", packet, 12)[0]
    if kind in (0x8100, 0x88A8, 0x9100):
        return Reason.TAGGED
    if kind not in (0x0800, 0x86DD):
        return Reason.PROTOCOL
    reason = _ipv4(port, packet[14:]) if kind == 0x0800 else _ipv6(port, packet[14:])
    if reason is Reason.WORKER and port.late:
        return Reason.LATE
    return reason


def _ipv4(port: Port, ip: bytes) -> Reason:
    if Gate.PASS_IPV4 in port.gate:
        return Reason.GATE_IPV4
    destination = IPv4Address(ip[16:20])
    if destination.is_multicast or destination == IPv4Address("255.255.255.255"):
        return Reason.MULTICAST
    is_fragment = struct.unpack_from("!H", ip, 6)[0] & 0x3FFF
    if port.flags and not is_fragment and (ip[0] != 0x45 or _may_be_incomplete(ip[9], ip[20:])):
        return Reason.CHECKSUM
    return Reason.VERDICT if int(destination) in port.verdicts else Reason.WORKER


def _ipv6(port: Port, ip: bytes) -> Reason:
    if len(ip) < 40:
        return Reason.RUNT
    if Gate.PASS_IPV6 in port.gate:
        return Reason.GATE_IPV6
    destination = IPv6Address(ip[24:40])
    if destination.is_multicast or destination.is_link_local:
        return Reason.MULTICAST
    if port.flags and ip[6] != 44 and _may_be_incomplete(ip[6], ip[40:]):
        return Reason.CHECKSUM
    return Reason.VERDICT if int(destination) in port.verdicts else Reason.WORKER


def _may_be_incomplete(protocol: int, transport: bytes) -> bool:
    if protocol not in COMPLETABLE:
        return True
    if protocol != 17:
        return False
    if len(transport) < 8 or struct.unpack_from("!H", transport, 2)[0] in TUNNEL_PORTS:
        return True
    return transport[8:12] == b"\x08\0\0\0"
