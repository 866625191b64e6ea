"""What tells IPv6 flows apart, as Linux sees it (net/ipv6/route.c, rt6_multipath_hash; net/core/flow_dissector.c)."""

from bise.features.nexthop.choice import (
    ONLY_LINUX,
    Field,
    Flow6,
    Reach,
    blank,
    hashed,
    is_tunnel,
    reach,
    set_ports,
)
from bise.hot import Header, be32, hot, local, unsigned_less
from bise.wire import icmpv6
from bise.wire.icmpv6 import ICMPv6
from bise.wire.ipv4 import Protocol
from bise.wire.ipv6 import SIZE, Extension, Fragment, IPv6

_LABEL = 0xFFFFF
_FRAGMENT_SIZE, _EXTENSION_SIZE = Fragment.size, Extension.size
_MOST_EXTENSIONS = 8


class _NetworkLabel(Header):
    """The beginning of a Flow: Linux leaves the label of one that it hashes undissected in network order."""

    basic = be32()
    label = be32()


_FLOW_SIZE = Flow6.size
make_flow = local(Flow6)


@hot
def flow_hash(packet, hashing):
    """31 bits that all packets of a flow have in common; ONLY_LINUX where only Linux knows them."""
    flow, fields = make_flow(), hashing.counted
    blank(flow.address, _FLOW_SIZE)
    end = packet.l3 + SIZE + IPv6(packet, packet.l3).payload_length
    if hashing.linux != 0:
        return ONLY_LINUX
    if hashing.quoting != 0:
        place = _quoted(packet, end)
        if place < 0:
            return ONLY_LINUX
        ip = IPv6(packet, place)
        flow.protocol = ip.next_header
        _NetworkLabel(flow.address).label = ip.version_class_flow & _LABEL
        _set_addresses(flow, fields, ip)
        return hashed(flow.address, _FLOW_SIZE, hashing)
    if not _dissect(flow, fields, packet, end, hashing.inner):
        return ONLY_LINUX
    return hashed(flow.address, _FLOW_SIZE, hashing)


@hot
def _dissect(flow, fields, packet, end, inner):
    """Notes what Linux's flow dissector finds, up to a tunnel; False where only Linux can."""
    ip = IPv6(packet, packet.l3)
    protocol, at = _upper_layer(packet, end)
    if protocol < 0 or (inner != 0 and at > 0 and is_tunnel(protocol)):
        return False
    _set_addresses(flow, fields, ip)
    if fields & Field.PROTOCOL:
        flow.protocol = protocol
    if fields & Field.LABEL:
        flow.label = ip.version_class_flow & _LABEL
    return at == 0 or set_ports(flow, fields, packet, protocol, at, end)


@hot
def _set_addresses(flow, fields, ip):
    """The lower address first (__flow_hash_consistentify)."""
    source = fields & Field.SOURCE != 0
    destination = fields & Field.DESTINATION != 0
    high, low = ip.source_high if source else 0, ip.source_low if source else 0
    other_high = ip.destination_high if destination else 0
    other_low = ip.destination_low if destination else 0
    if unsigned_less(other_high, high) or (other_high == high and unsigned_less(other_low, low)):
        high, low, other_high, other_low = other_high, other_low, high, low
    flow.source_high, flow.source_low = high, low
    flow.destination_high, flow.destination_low = other_high, other_low


@hot
def _upper_layer(packet, end):
    """The protocol behind the extension headers that Linux's flow dissector passes, and its offset: 0 in a fragment,
    where it looks no further. The protocol is -1 where the chain is long or leaves the octets at hand."""
    protocol, at = IPv6(packet, packet.l3).next_header, packet.l3 + SIZE
    for _ in range(_MOST_EXTENSIONS):
        options = protocol == Protocol.HOP_BY_HOP or protocol == Protocol.DESTINATION_OPTIONS
        if not options and protocol != Protocol.ROUTING and protocol != Protocol.FRAGMENT:
            return protocol, at
        found = reach(packet, at, _FRAGMENT_SIZE if protocol == Protocol.FRAGMENT else _EXTENSION_SIZE, end)
        if found != Reach.HERE:
            return protocol if found == Reach.ABSENT else -1, 0
        if protocol == Protocol.FRAGMENT:
            return Fragment(packet, at).next_header, 0
        extension = Extension(packet, at)
        protocol = extension.next_header
        at += (extension.length + 1) * 8
    return -1, 0


@hot
def _quoted(packet, end):
    """Where the header is whose flow a packet belongs to: its own, or in an ICMPv6 error the one quoted; -1 where that
    can't be read (ip6_multipath_l3_keys)."""
    at = packet.l3 + SIZE
    if IPv6(packet, packet.l3).next_header != Protocol.ICMPV6:
        return packet.l3
    found = reach(packet, at, icmpv6.SIZE, end)
    if found == Reach.ABSENT or (found == Reach.HERE and not icmpv6.is_error(ICMPv6(packet, at))):
        return packet.l3
    found = reach(packet, at + icmpv6.SIZE, SIZE, end)
    if found == Reach.HERE:
        return at + icmpv6.SIZE
    return packet.l3 if found == Reach.ABSENT else -1
