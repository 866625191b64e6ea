"""One of several next hops for each flow, the one that Linux would choose: by a hash of what tells flows apart.

The families find in a packet what Linux's flow dissector finds; how that is hashed, and what follows, is here.
"""

from enum import IntEnum

from bise.features.nexthop.state import Hop, HopKind, Member
from bise.hot import Header, hot, le16, le64, nth, shift_left64
from bise.tables.jenkins import jenkins2
from bise.tables.siphash import siphash
from bise.wire.ipv4 import Protocol

ONLY_LINUX = -1  # in place of a hash: Linux knows it, we don't
_HASH = 0xFFFFFFFF
_DCCP, _UDP_LITE = 33, 136


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
def both_ports(packet, counted, protocol, at, end):
    """The ports of the payload at `at` as 32 bits, the lower one first as Linux sorts them; ONLY_LINUX where they
    aren't at hand."""
    offset = _ports_offset(protocol)
    if counted & _PORTS == 0 or offset < 0:
        return 0
    found = reach(packet, at + offset, _PORTS_SIZE, end)
    if found != Reach.HERE:
        return 0 if found == Reach.ABSENT else ONLY_LINUX
    ports = _Ports(packet, at + offset)
    source = ports.source if counted & Field.SOURCE_PORT else 0
    destination = ports.destination if counted & Field.DESTINATION_PORT else 0
    return min(source, destination) | max(source, destination) << 16


class Flow(Header):
    """What Linux hashes of a flow: struct flow_keys (include/net/flow_dissector.h) from `basic` on, as words.

    It lies in memory: with the words in registers, packets that need no choice took 30 cycles more, too.
    """

    basic = le64()  # the protocol from bit 16 on, the flow label in the upper half
    tag = le64()
    second_tag = le64()
    ports = le64()  # both in the upper half; below, a tunnel's key
    addresses_0 = le64()  # the first four octets in the upper half; below, ICMP's type, code and identifier
    addresses_1 = le64()
    addresses_2 = le64()  # IPv4 uses none of these
    addresses_3 = le64()
    addresses_4 = le64()


@hot
def set_front(flow, protocol, label, ports):
    """Everything before the addresses."""
    flow.basic = shift_left64(label, 32) | protocol << 16
    flow.tag = 0
    flow.second_tag = 0
    flow.ports = shift_left64(ports, 32)


@hot
def hashed(flow, words, hashing):
    """The 31 bits that Linux makes of it (fib_multipath_hash_from_keys, fib_multipath_custom_hash_skb)."""
    found = 0
    if hashing.counted != 0:
        found = siphash(flow.address, words, hashing.key, hashing.key) & _HASH
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
