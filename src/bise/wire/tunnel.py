"""The way into what tunnels carry: IP in IP (RFC 2003, 4213, 2473), GRE, VXLAN and Geneve, by their usual numbers."""

from bise.hot import hot
from bise.wire import ethernet, geneve, gre, ipv4, ipv6, udp, vlan, vxlan
from bise.wire.ethernet import Ethernet, EtherType
from bise.wire.geneve import Geneve
from bise.wire.gre import GRE
from bise.wire.ipv4 import IPv4, Protocol
from bise.wire.ipv6 import IPv6
from bise.wire.udp import UDP
from bise.wire.vlan import Tag


@hot
def inner(packet, protocol, offset, octets):
    """What the payload of `octets` octets at `offset` carries: an EtherType, IPV4 or IPV6, and where its header lies.

    The header may be trusted, as its `fault` has been asked, and what it heads ends within the payload. The EtherType
    is 0 where nothing like that is inside."""
    kind, at = _carried(packet, protocol, offset, octets)
    if kind == EtherType.ETHERNET:
        kind, at = _framed(packet, at)
    end = offset + octets + 1
    if kind == EtherType.IPV4 and ipv4.fault(packet, at) == ipv4.Fault.NONE:
        end = at + IPv4(packet, at).total_length
    if kind == EtherType.IPV6 and ipv6.fault(packet, at) == ipv6.Fault.NONE:
        end = at + ipv6.SIZE + IPv6(packet, at).payload_length
    return (kind, at) if end <= offset + octets else (0, at)


@hot
def _carried(packet, protocol, offset, octets):
    if protocol == Protocol.IPV4:
        return EtherType.IPV4.value, offset
    if protocol == Protocol.IPV6:
        return EtherType.IPV6.value, offset
    if protocol == Protocol.GRE and gre.fault(packet, offset, octets) == gre.Fault.NONE:
        header = GRE(packet, offset)
        return header.protocol, offset + gre.header_octets(header)
    if protocol == Protocol.UDP and udp.fault(packet, offset, octets) == udp.Fault.NONE:
        return _in_datagram(packet, UDP(packet, offset).destination_port, offset + udp.SIZE, octets - udp.SIZE)
    return 0, offset


@hot
def is_port(port):
    """Whether a datagram to this port is a tunnel's."""
    return port == vxlan.PORT or port == vxlan.OLD_LINUX_PORT or port == geneve.PORT


@hot
def _in_datagram(packet, port, offset, octets):
    if port == vxlan.PORT or port == vxlan.OLD_LINUX_PORT:
        if vxlan.fault(packet, offset, octets) == vxlan.Fault.NONE:
            return EtherType.ETHERNET.value, offset + vxlan.SIZE
    elif port == geneve.PORT and geneve.fault(packet, offset, octets) == geneve.Fault.NONE:
        header = Geneve(packet, offset)
        return header.protocol, offset + geneve.header_octets(header)
    return 0, offset


@hot
def _framed(packet, offset):
    """Past an Ethernet header and at most one VLAN tag."""
    if ethernet.fault(packet, offset) != ethernet.Fault.NONE:
        return 0, offset
    ethertype, at = Ethernet(packet, offset).ethertype, offset + ethernet.SIZE
    if vlan.is_tag(ethertype) and vlan.fault(packet, at) == vlan.Fault.NONE:
        return Tag(packet, at).ethertype, at + vlan.SIZE
    return ethertype, at
