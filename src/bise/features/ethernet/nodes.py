"""Ethernet reception (RFC 894): whether a packet is for this router at all, and who reads on."""

from enum import IntEnum

from bise.engine.node import Drop, Part, Punt, PuntClass, To, node
from bise.features.ethernet.state import ALL, IPV4, IPV6, SHIFT, Face, State
from bise.hot import Header, be16, be32, expect, hot, le64, nth, shift_left64
from bise.wire.ethernet import SIZE, EtherType


class _Start(Header):
    """The header as a receiver compares it: the destination is the low 48 bits of the first word."""

    destination = le64()
    source_end = be32()
    ethertype = be16()


_MAC = (1 << 48) - 1
_IPV4 = int(EtherType.IPV4)
_NONE = -1
_GROUP = 1  # the group bit of the first octet (IEEE 802)


class Input(IntEnum):
    IPV4 = 0
    IPV6 = 1
    ARP = 2
    VLAN = 3
    GROUP = 4
    OTHER_HOST = 5
    SHORT = 6
    OTHER_PROTOCOL = 7
    GATED = 8


@node(Input, State)
def input(packet, state, now):
    """Keep what is for our own MAC and an IP packet; the rest is Linux's or nobody's."""
    if packet.length < SIZE:
        return int(Input.SHORT)
    start, face = _Start(packet, 0), nth(Face, state.faces, packet.port)
    if shift_left64(start.destination, SHIFT) != face.open:
        obstacle = _obstacle(start, face)
        if obstacle != _NONE:
            return obstacle
    packet.l3 = SIZE
    if expect(start.ethertype, _IPV4) == _IPV4:
        return int(Input.IPV4)
    if start.ethertype == EtherType.IPV6:
        return int(Input.IPV6)
    return int(_other(start.ethertype))


@hot
def _obstacle(start, face):
    """Why the packet isn't ours; _NONE where a gate stands that is no matter of its own."""
    if start.destination & _MAC != face.mac:
        return int(Input.GROUP if start.destination & _GROUP else Input.OTHER_HOST)
    return int(Input.GATED) if _is_gated(face.gate, start.ethertype) else _NONE


@hot
def _is_gated(gate, ethertype):
    """Whether a gate makes packets of this protocol Linux's."""
    if gate & IPV4 and ethertype == EtherType.IPV4:
        return True
    return bool(gate & ALL or (gate & IPV6 and ethertype == EtherType.IPV6))


@hot
def _other(ethertype):
    if ethertype == EtherType.ARP:
        return Input.ARP
    if ethertype == EtherType.VLAN or ethertype == EtherType.SERVICE_VLAN:
        return Input.VLAN
    return Input.OTHER_PROTOCOL


_UNKNOWN = Punt("ethernet.protocol", "a protocol that Bise leaves to Linux")

PART = Part(
    {
        input: {
            Input.IPV4: To("ipv4.input", _UNKNOWN),
            Input.IPV6: To("ipv6.input", _UNKNOWN),
            Input.ARP: Punt("ethernet.arp", "address resolution, answered by Linux", PuntClass.CONTROL),
            Input.VLAN: Punt("ethernet.vlan", "a packet with a VLAN tag"),
            Input.GROUP: Punt("ethernet.group", "broadcast or multicast on the link", PuntClass.CONTROL),
            Input.OTHER_HOST: Drop("ethernet.other-host", "the destination MAC is not the port's"),
            Input.SHORT: Drop("ethernet.short", "fewer than 14 octets"),
            Input.OTHER_PROTOCOL: _UNKNOWN,
            Input.GATED: Punt("ethernet.gated", "something in Linux stands in the way of forwarding it natively"),
        }
    }
)
