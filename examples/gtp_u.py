"""Takes the outer headers off GTP-U (3GPP TS 29.281) that is for our tunnel endpoint; what was inside is forwarded.

    bise run --port eth0 --port eth1 --node examples/gtp_u.py

The endpoint is an address that others route to this router and that Linux doesn't have: what is for an address of its
own, a kernel-owned port leaves to it (and on a veth everything to port 2152: checksums inside may be left out there).
Everything but whole G-PDUs of a known tunnel goes on as it came.
"""

from enum import IntEnum
from ipaddress import IPv4Address

from bise.node import Drop, Header, Insert, Part, To, be16, be32, hot, le64, node, strip, u8
from bise.wire import ipv4, udp
from bise.wire.ethernet import EtherType
from bise.wire.ipv4 import IPv4, Protocol
from bise.wire.udp import UDP

ENDPOINT = int(IPv4Address("192.0.2.1"))
TUNNELS = (0x1001, 0x1002)  # identifiers (TEID) that we know

_PORT = 2152
_G_PDU, _VERSION_1 = 255, 0x30
_EXTENDED, _ANY_MORE = 0x04, 0x07  # flags


class GTP(Header):
    """The head of a user packet (5.1); behind it four more octets where a flag of `flags` asks for them."""

    flags = u8()
    kind = u8()
    length = be16()
    tunnel = be32()


_HEAD = GTP.size


class Octet(Header):
    """One octet of what follows."""

    value = u8()


class State(Header):
    """What is remembered; a record for each worker."""

    packets = le64()
    octets = le64()


class Decapsulate(IntEnum):
    IPV4 = 0
    IPV6 = 1
    TUNNEL = 2


@node(Decapsulate, State)
def decapsulate(packet, state, now):
    """Lead what a known tunnel carries on as if it had come by itself."""
    head = _head(packet)
    if head == 0:
        return Decapsulate.IPV4
    gtp = GTP(packet, head)
    inside = _inside(packet, head, min(packet.length, head + _HEAD + gtp.length))
    if gtp.kind != _G_PDU or inside == 0:
        return Decapsulate.IPV4
    if gtp.tunnel not in TUNNELS:
        return Decapsulate.TUNNEL
    is_ipv6 = Octet(packet, inside).value >> 4 == 6
    strip(packet, inside - packet.l3, EtherType.IPV6.value if is_ipv6 else EtherType.IPV4.value)
    state.packets += 1
    state.octets += packet.length
    return Decapsulate.IPV6 if is_ipv6 else Decapsulate.IPV4


@hot
def _head(packet):
    """Where the GTP header lies; 0 if there is none that is for us, or the packets around it are not sound."""
    if ipv4.fault(packet, packet.l3) != ipv4.Fault.NONE:
        return 0
    ip = IPv4(packet, packet.l3)
    start, octets = packet.l3 + ipv4.header_octets(ip), ip.total_length - ipv4.header_octets(ip)
    if ip.destination != ENDPOINT or ip.protocol != Protocol.UDP or ipv4.is_fragment(ip):
        return 0
    if udp.fault(packet, start, octets) != udp.Fault.NONE or UDP(packet, start).destination_port != _PORT:
        return 0
    head = start + udp.SIZE
    whole = UDP(packet, start).length >= udp.SIZE + _HEAD and packet.length >= head + _HEAD
    return head if whole and GTP(packet, head).flags & 0xF0 == _VERSION_1 else 0


@hot
def _inside(packet, head, end):
    """Where the user's packet begins, behind what extends the head (5.2.1); 0 if that is not before `end`."""
    flags, at = GTP(packet, head).flags, head + _HEAD
    if flags & _ANY_MORE:
        at += 4
    for _ in range(8):
        if at >= end:
            return 0
        if flags & _EXTENDED == 0 or Octet(packet, at - 1).value == 0:
            return at
        at += max(1, Octet(packet, at).value) * 4
    return 0


_NOT_HERE = Drop("gtp_u.no-ipv6", "a tunnel carries IPv6, which this router doesn't forward")
PART = Part(
    {
        decapsulate: {
            Decapsulate.IPV6: To("ipv6.input", _NOT_HERE),
            Decapsulate.TUNNEL: Drop("gtp_u.tunnel", "GTP-U of a tunnel that nobody has set up"),
        }
    },
    inserts=(Insert(decapsulate, "ethernet.input", "IPV4", Decapsulate.IPV4),),
)
