"""Which flow a packet is of: a number that all its packets share, those of the other direction, too.

What counts: both addresses, and the ports of TCP, UDP and SCTP. Of a tunnel (IP in IP, GRE, VXLAN, Geneve) what counts
is the packet inside. All fragments of a datagram go by their addresses alone, as only the first one has ports: they
stay together, but not with the whole datagrams of their flow. What is no IP, or can't be trusted, is flow 0.
"""

from bise.hot import Header, add64, be16, expect, hot, le16, le32, le64, mul64, shift_left64, shift_right64
from bise.wire import ethernet, ipv4, ipv6, tunnel, vlan
from bise.wire.ethernet import Ethernet, EtherType
from bise.wire.ipv4 import IPv4, Protocol
from bise.wire.ipv6 import IPv6
from bise.wire.vlan import Tag


class _Ports(Header):
    """In the machine's order, as all that is hashed."""

    source = le16()
    destination = le16()


class _Service(Header):
    source = be16()
    destination = be16()


class _Ends4(Header):
    source = le32()
    destination = le32()


class _Ends6(Header):
    source_high = le64()
    source_low = le64()
    destination_high = le64()
    destination_low = le64()


_ENDS4, _ENDS6 = IPv4.source.offset, IPv6.source_high.offset
_PORTS_SIZE = _Ports.size
_PORTS4 = ethernet.SIZE + ipv4.SIZE  # where the ports of a plain packet are
_PORTS6 = ethernet.SIZE + ipv6.SIZE
_NO_OPTIONS = 0x45
_SPREAD = 0x9E37_79B9_7F4A_7C15 - (1 << 64)  # the golden ratio, as Knuth multiplies by it (6.4)
_SPREAD_HIGH = 0xC2B2_AE3D_27D4_EB4F - (1 << 64)
_MOST_TAGS = 2
_LOW = 32  # bits of the sum that are spread least


@hot
def flow_number(packet):
    """32 bits, of which any may be used. Plain TCP and UDP packets are told at first sight."""
    if expect(_is_plain4(packet), True):
        ports = _Ports(packet, _PORTS4)
        return _number4(_Ends4(packet, ethernet.SIZE + _ENDS4), ports.source, ports.destination)
    if _is_plain6(packet):
        ports = _Ports(packet, _PORTS6)
        return _number6(_Ends6(packet, ethernet.SIZE + _ENDS6), ports.source, ports.destination)
    if packet.length < ethernet.SIZE:
        return 0
    return _number_beyond(packet, Ethernet(packet, 0).ethertype)


@hot
def _is_plain4(packet):
    if packet.length < _PORTS4 + _PORTS_SIZE or Ethernet(packet, 0).ethertype != EtherType.IPV4:
        return False
    ip = IPv4(packet, ethernet.SIZE)
    if ip.version_ihl != _NO_OPTIONS or ipv4.is_fragment(ip):
        return False
    return _is_plain(ip.protocol, _Service(packet, _PORTS4))


@hot
def _is_plain6(packet):
    if packet.length < _PORTS6 + _PORTS_SIZE or Ethernet(packet, 0).ethertype != EtherType.IPV6:
        return False
    return _is_plain(IPv6(packet, ethernet.SIZE).next_header, _Service(packet, _PORTS6))


@hot
def _is_plain(protocol, service):
    """Nothing may be inside."""
    return (protocol == Protocol.UDP or protocol == Protocol.TCP) and not tunnel.is_port(service.destination)


@hot
def _number4(ends, source_port, destination_port):
    source = _end(ends.source | shift_left64(source_port, 32))
    return _sum(source, _end(ends.destination | shift_left64(destination_port, 32)))


@hot
def _number6(ends, source_port, destination_port):
    source = _end(add64(mul64(ends.source_high, _SPREAD_HIGH), ends.source_low) ^ shift_left64(source_port, 32))
    destination = add64(mul64(ends.destination_high, _SPREAD_HIGH), ends.destination_low)
    return _sum(source, _end(destination ^ shift_left64(destination_port, 32)))


@hot
def _end(address_and_port):
    """One end of a flow, spread. What is not linear in it keeps flows apart whose addresses have the same sum."""
    spread = mul64(address_and_port, _SPREAD)
    return mul64(spread, shift_right64(spread, 32))


@hot
def _sum(source, destination):
    return shift_right64(add64(source, destination), _LOW)


@hot
def _number_beyond(packet, ethertype):
    """Of a packet with tags, options, extension headers, another packet inside, or no ports."""
    kind, at = _network(packet, ethertype)
    if kind == 0:
        return 0
    protocol, offset, octets = _payload(packet, kind, at)
    inner_kind, inner_at = tunnel.inner(packet, protocol, offset, octets)
    if inner_kind != 0:
        kind, at = inner_kind, inner_at
        protocol, offset, octets = _payload(packet, kind, at)
    source, destination = _ports(packet, protocol, offset, octets)
    if kind == EtherType.IPV6:
        return _number6(_Ends6(packet, at + _ENDS6), source, destination)
    return _number4(_Ends4(packet, at + _ENDS4), source, destination)


@hot
def _network(packet, ethertype):
    """The EtherType and the offset of the network header behind the tags, 0 where there is none to be trusted."""
    kind, at = ethertype, ethernet.SIZE
    for _ in range(_MOST_TAGS):
        if vlan.is_tag(kind) and vlan.fault(packet, at) == vlan.Fault.NONE:
            kind, at = Tag(packet, at).ethertype, at + vlan.SIZE
    if kind == EtherType.IPV4 and ipv4.fault(packet, at) == ipv4.Fault.NONE:
        return kind, at
    if kind == EtherType.IPV6 and ipv6.fault(packet, at) == ipv6.Fault.NONE:
        return kind, at
    return 0, at


@hot
def _payload(packet, kind, at):
    """Protocol, offset and octets of what the IP packet at `at` carries; the protocol is -1 in a fragment."""
    if kind == EtherType.IPV4:
        ip = IPv4(packet, at)
        protocol = -1 if ipv4.is_fragment(ip) else ip.protocol
        octets = ipv4.header_octets(ip)
        return protocol, at + octets, ip.total_length - octets
    protocol, offset = ipv6.upper_layer(packet, at)
    if protocol == Protocol.FRAGMENT:
        protocol = -1
    return protocol, offset, at + ipv6.SIZE + IPv6(packet, at).payload_length - offset


@hot
def _ports(packet, protocol, offset, octets):
    has_ports = protocol == Protocol.UDP or protocol == Protocol.TCP or protocol == Protocol.SCTP
    if not has_ports or octets < _PORTS_SIZE or packet.length - offset < _PORTS_SIZE:
        return 0, 0
    ports = _Ports(packet, offset)
    return ports.source, ports.destination
