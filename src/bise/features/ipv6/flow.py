"""What tells IPv6 flows apart, as Linux sees it (net/ipv6/route.c, rt6_multipath_hash; net/core/flow_dissector.c)."""

from bise.features.nexthop.choice import (
    ONLY_LINUX,
    Field,
    Flow,
    Reach,
    both_ports,
    hashed,
    is_tunnel,
    reach,
    set_front,
)
from bise.hot import Header, hot, le32, le64, local, shift_left64, unsigned_less
from bise.wire import icmpv6
from bise.wire.icmpv6 import ICMPv6
from bise.wire.ipv4 import Protocol
from bise.wire.ipv6 import SIZE, Extension, Fragment, IPv6

_LABEL = 0xFFFFF
_UNSWAPPED_LABEL = 0xFFFF0F00
_FRAGMENT_SIZE, _EXTENSION_SIZE = Fragment.size, Extension.size
_MOST_EXTENSIONS = 8
_WORDS = 9
_SOURCE_AT, _DESTINATION_AT = IPv6.source_high.offset, IPv6.destination_high.offset


class _Row(Header):
    """Version, traffic class and flow label in the machine's order."""

    row = le32()


class _Address(Header):
    """An address in the machine's order, cut where the words that are hashed are cut."""

    front = le32()
    middle = le64()
    last = le32()


make_flow = local(Flow)


@hot
def flow_hash(packet, hashing):
    """31 bits that all packets of a flow have in common, in both directions; ONLY_LINUX where only Linux knows them."""
    if hashing.linux != 0:
        return ONLY_LINUX
    end = packet.l3 + SIZE + IPv6(packet, packet.l3).payload_length
    if hashing.quoting != 0:
        return _quoted_hash(packet, hashing, end)
    ip, counted = IPv6(packet, packet.l3), hashing.counted
    protocol, at = _upper_layer(packet, end)
    if protocol < 0 or (hashing.inner != 0 and at > 0 and is_tunnel(protocol)):
        return ONLY_LINUX
    ports = both_ports(packet, counted, protocol, at, end) if at > 0 else 0
    if ports < 0:
        return ONLY_LINUX
    label = ip.version_class_flow & _LABEL if counted & Field.LABEL else 0
    return _hash(packet, packet.l3, hashing, protocol if counted & Field.PROTOCOL else 0, label, ports)


@hot
def _quoted_hash(packet, hashing, end):
    """Without a dissector Linux takes the next header for the protocol, and leaves the label in network order."""
    place = _quoted(packet, end)
    if place < 0:
        return ONLY_LINUX
    label = _Row(packet, place).row & _UNSWAPPED_LABEL
    return _hash(packet, place, hashing, IPv6(packet, place).next_header, label, 0)


@hot
def _hash(packet, place, hashing, protocol, label, ports):
    """The lower address first (__flow_hash_consistentify); at the end four octets for the compiler's alignment."""
    near, far = place + _SOURCE_AT, place + _DESTINATION_AT
    kept = -1 if hashing.counted & Field.SOURCE else 0
    far_kept = -1 if hashing.counted & Field.DESTINATION else 0
    ip = IPv6(packet, place)
    high, far_high = ip.source_high & kept, ip.destination_high & far_kept
    low, far_low = ip.source_low & kept, ip.destination_low & far_kept
    if unsigned_less(far_high, high) or (far_high == high and unsigned_less(far_low, low)):
        near, far, kept, far_kept = far, near, far_kept, kept
    first, second = _Address(packet, near), _Address(packet, far)
    flow = make_flow()
    set_front(flow, protocol, label, ports)
    flow.addresses_0 = shift_left64(first.front & kept, 32)
    flow.addresses_1 = first.middle & kept
    flow.addresses_2 = (first.last & kept) | shift_left64(second.front & far_kept, 32)
    flow.addresses_3 = second.middle & far_kept
    flow.addresses_4 = second.last & far_kept
    return hashed(flow, _WORDS, hashing)


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
