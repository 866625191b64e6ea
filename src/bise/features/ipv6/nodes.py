"""IPv6 forwarding (RFC 8200), with Linux's answer where the two differ. Nothing is changed before every decision has
fallen, so that whatever is punted reaches Linux as it was received."""

from enum import IntEnum

from bise.engine.node import Drop, Part, Punt, PuntClass, Target, To, node, query
from bise.engine.packet import trim
from bise.features.ipv6.flow import flow_hash
from bise.features.ipv6.state import State
from bise.features.nexthop.choice import ONLY_LINUX, choose_hop
from bise.features.nexthop.state import Hashing, Hop
from bise.hot import hot, nth
from bise.tables.prefix128 import ask128, found128, seek128
from bise.tables.question import Question
from bise.wire import ethernet, ipv6
from bise.wire.ethernet import EtherType
from bise.wire.ipv4 import Protocol
from bise.wire.ipv6 import SIZE, IPv6


class Input(IntEnum):
    VALID = 0
    SHORT = 1
    VERSION = 2
    PAYLOAD_LENGTH = 3
    SOURCE = 4
    DESTINATION = 5
    HOP_BY_HOP = 6
    ODD_SOURCE = 7


@node(Input, State)
def input(packet, state, now):
    """Trust the header or say why not (RFC 8200 3), then look at who claims to have sent it (RFC 4291 2.5)."""
    fault = int(ipv6.fault(packet, packet.l3))
    if fault != 0:
        return fault
    ip = IPv6(packet, packet.l3)
    if ip.next_header == Protocol.HOP_BY_HOP:
        return int(Input.HOP_BY_HOP)
    if ipv6.is_unusual(ip.source_high):  # not to be forwarded, or not without a closer look (net/ipv6/ip6_output.c)
        return int(Input.ODD_SOURCE)
    return int(Input.VALID)


class LookUp(IntEnum):
    FORWARD = 1
    GROUP = 2
    LOCAL = 3
    UNRESOLVED = 4
    BLACKHOLE = 5
    UNREACHABLE = 6
    PROHIBIT = 7
    OTHER_LINK = 8
    KERNEL = 9
    BROADCAST = 10
    NO_ROUTE = 0


@node(LookUp, State)
def look_up(packet, state, now):
    """Find the next hop of the longest prefix; the local table is in the same table."""
    ip = IPv6(packet, packet.l3)
    found = found128(state.fib, Question(packet.question), ip.destination_high, ip.destination_low)
    hop = nth(Hop, state.hops, found)
    packet.hop = hop.address
    return hop.kind


@hot
def find_leaves(state, questions, count):
    """Go as far as the leaves that decide, for all packets of a burst: they wait for each of the steps together."""
    seek128(state.fib, questions, count)


@query(look_up, find_leaves)
def ask_hop(packet, state):
    """Where does the destination lead, if this is an IPv6 packet?"""
    if not ethernet.seems(packet, EtherType.IPV6, SIZE):
        return False
    ip = IPv6(packet, ethernet.SIZE)
    ask128(state.fib, Question(packet.question), ip.destination_high, ip.destination_low)
    return True


@node(LookUp, State)
def choose(packet, state, now):
    """Take one of several next hops, the same for every packet of a flow (RFC 2992), and the one that Linux takes."""
    hashing = Hashing(state.hashing)
    found = flow_hash(packet, hashing)
    if found == ONLY_LINUX:
        return int(LookUp.GROUP)
    packet.hop = choose_hop(state.hops, Hop(packet.hop), hashing, found)
    return Hop(packet.hop).kind


class Forward(IntEnum):
    OUTPUT = 0
    HOP_LIMIT = 1
    TOO_BIG = 2
    REDIRECT = 3


@node(Forward, State)
def forward(packet, state, now):
    """The packet is going on: one hop less (RFC 8200 3), unless Linux has something to say to its sender."""
    ip, hop = IPv6(packet, packet.l3), Hop(packet.hop)
    if ip.hop_limit <= 1:
        return Forward.HOP_LIMIT
    if SIZE + ip.payload_length > hop.mtu:
        return Forward.TOO_BIG
    if hop.egress == packet.port:
        return Forward.REDIRECT
    ip.hop_limit -= 1
    trim(packet, packet.l3 + SIZE + ip.payload_length)
    return Forward.OUTPUT


_NO_ROUTE = Punt("ipv6.no-route", "no route: Linux tells the sender")
_SEVERAL = Punt("ipv6.multipath", "one of several next hops, chosen by Linux")
HOP_EDGES: dict[LookUp, Target] = {
    LookUp.FORWARD: To("ipv6.forward", _NO_ROUTE),
    LookUp.GROUP: To("ipv6.choose", _SEVERAL),
    LookUp.LOCAL: Punt("ipv6.local", "for this host", PuntClass.CONTROL),
    LookUp.UNRESOLVED: Punt("ipv6.unresolved", "the next hop's MAC is not known yet: Linux asks for it"),
    LookUp.BLACKHOLE: Drop("ipv6.blackhole", "a blackhole route"),
    LookUp.UNREACHABLE: Punt("ipv6.unreachable", "an unreachable route: Linux tells the sender"),
    LookUp.PROHIBIT: Punt("ipv6.prohibit", "a prohibiting route: Linux tells the sender"),
    LookUp.OTHER_LINK: Punt("ipv6.other-link", "the way out is no port of Bise's"),
    LookUp.KERNEL: Punt("ipv6.kernel-route", "a route that only Linux can follow"),
    LookUp.BROADCAST: Punt("ipv6.broadcast", "for all hosts of a network, or a group", PuntClass.CONTROL),
    LookUp.NO_ROUTE: _NO_ROUTE,
}

PART = Part(
    {
        input: {
            Input.VALID: To("ipv6.look_up", _NO_ROUTE),
            Input.SHORT: Drop("ipv6.short", "no room for an IPv6 header"),
            Input.VERSION: Drop("ipv6.version", "the header's version is not 6"),
            Input.PAYLOAD_LENGTH: Drop("ipv6.payload-length", "the payload's length is beyond the packet"),
            Input.SOURCE: Drop("ipv6.martian-source", "a multicast or loopback address as the source"),
            Input.DESTINATION: Drop("ipv6.martian-destination", "a destination that no other host can have"),
            Input.HOP_BY_HOP: Punt("ipv6.hop-by-hop", "options that every hop has to read"),
            Input.ODD_SOURCE: Punt("ipv6.odd-source", "a source of narrow scope, which Linux judges"),
        },
        look_up: HOP_EDGES,
        choose: HOP_EDGES | {LookUp.GROUP: _SEVERAL},
        forward: {
            Forward.OUTPUT: To("nexthop.output", _NO_ROUTE),
            Forward.HOP_LIMIT: Punt("ipv6.hop-limit", "the hop limit is reached: Linux tells the sender"),
            Forward.TOO_BIG: Punt("ipv6.too-big", "larger than the way out: Linux tells the sender"),
            Forward.REDIRECT: Punt("ipv6.redirect", "leaves by the port that it came in by"),
        },
    },
    queries=(ask_hop,),
)
