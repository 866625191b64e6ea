"""One of several next hops for each flow, the one that Linux would choose: by a hash of what tells flows apart.

The families lay what they find in a packet into a Flow; everything after that is here.
"""

from enum import IntEnum

from bise.features.nexthop.state import Hop, HopKind, Member
from bise.hot import Header, be64, hot, le16, le32, le64, nth, store64, u8
from bise.tables.jenkins import jenkins2
from bise.tables.siphash import siphash
from bise.wire.ipv4 import Protocol

ONLY_LINUX = -1  # in place of a hash: Linux knows it, we don't
_HASH = 0xFFFFFFFF
_DCCP, _UDP_LITE = 33, 136


class Flow(Header):
    """The octets that Linux hashes: struct flow_keys from `basic` on (include/net/flow_dissector.h), up to where the
    families' addresses begin."""

    network = le16()
    protocol = u8()
    padding = u8()
    label = le32()
    tag = le64()
    second_tag = le64()
    tunnel_key = le32()
    source_port = le16()
    destination_port = le16()
    icmp = le32()


class Flow4(Flow):
    """Six words; of a union with IPv6's addresses 4 octets more than IPv4's are hashed."""

    source = le32()
    destination = le32()
    room = le32()


class Flow6(Flow):
    """Nine words, for the compiler's alignment."""

    source_high = be64()
    source_low = be64()
    destination_high = be64()
    destination_low = be64()
    room = le32()


class Field(IntEnum):
    """Bits for what of a packet counts, those of net.ipv4.fib_multipath_hash_fields."""

    SOURCE = 0x1
    DESTINATION = 0x2
    PROTOCOL = 0x4
    LABEL = 0x8
    SOURCE_PORT = 0x10
    DESTINATION_PORT = 0x20


OUTER = 0x3F  # the fields above
INNER = 0xFC0  # the same of what a tunnel carries
_PORTS = 0x30


class Reach(IntEnum):
    """Whether octets of a packet can be read."""

    HERE = 0
    ABSENT = 1  # the packet ends before
    ELSEWHERE = 2  # in a part that is not at hand


class _Ports(Header):
    source = le16()
    destination = le16()


_PORTS_SIZE = _Ports.size


@hot
def blank(address, octets):
    """Makes a Flow's octets zero."""
    for place in range(0, octets, 8):
        store64(address + place, 0)


@hot
def reach(packet, at, octets, end):
    """Whether `octets` octets at `at` lie within the IP packet that ends at `end`, and are at hand."""
    if at + octets > end:
        return Reach.ABSENT
    return Reach.ELSEWHERE if at + octets > packet.length else Reach.HERE


@hot
def is_tunnel(protocol):
    """Protocols in which Linux's dissector looks for another IP packet."""
    return protocol == Protocol.IPV4 or protocol == Protocol.IPV6 or protocol == Protocol.GRE


@hot
def _ports_offset(protocol):
    """Where a protocol has what Linux takes for ports (proto_ports_offset); -1 where it has none. Of IPsec, the SPI."""
    if protocol == Protocol.AUTHENTICATION:
        return 4
    ports = protocol == Protocol.TCP or protocol == Protocol.UDP or protocol == Protocol.SCTP
    if ports or protocol == Protocol.ESP or protocol in (_DCCP, _UDP_LITE):
        return 0
    return -1


@hot
def set_ports(flow, fields, packet, protocol, at, end):
    """Notes the ports of the payload at `at`, the lower one first as Linux does; False where they aren't at hand."""
    offset = _ports_offset(protocol)
    if fields & _PORTS == 0 or offset < 0:
        return True
    found = reach(packet, at + offset, _PORTS_SIZE, end)
    if found != Reach.HERE:
        return found == Reach.ABSENT
    ports = _Ports(packet, at + offset)
    source = ports.source if fields & Field.SOURCE_PORT else 0
    destination = ports.destination if fields & Field.DESTINATION_PORT else 0
    flow.source_port = min(source, destination)
    flow.destination_port = max(source, destination)
    return True


@hot
def hashed(address, octets, hashing):
    """The 31 bits that Linux makes of a Flow (fib_multipath_hash_from_keys, fib_multipath_custom_hash_skb)."""
    found = 0
    if hashing.counted != 0:
        found = siphash(address, octets >> 3, hashing.key, hashing.key) & _HASH
        if found == 0:
            found = 1
    if hashing.folded != 0:
        found = jenkins2(found, 0)
    return found >> 1


@hot
def choose_hop(hops, group, hashing, found):
    """The address of the Hop that a hash leads to (fib_select_multipath, nexthop_select_path_hthr): the first whose
    share reaches that far, save those whose neighbours were asked in vain, where Linux passes them over."""
    careful = group.lost != 0 or hashing.careful != 0
    for number in range(group.egress):
        member = nth(Member, group.members, number)
        if found <= member.bound and not (careful and _is_lost(hops, member)):
            return nth(Hop, hops, member.hop).address
    for number in range(group.egress):
        member = nth(Member, group.members, number)
        if not _is_lost(hops, member):
            return nth(Hop, hops, member.hop).address
    return nth(Hop, hops, nth(Member, group.members, 0).hop).address


@hot
def _is_lost(hops, member):
    hop = nth(Hop, hops, member.hop)
    return hop.kind == HopKind.UNRESOLVED and hop.lost != 0
