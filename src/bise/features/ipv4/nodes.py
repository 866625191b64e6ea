"""IPv4 forwarding (RFC 1812 5.2, 5.3), with Linux's answer where the two differ. Nothing is changed before every
decision has fallen, so that whatever is punted reaches Linux as it was received."""

from enum import IntEnum

from bise.engine.node import Drop, Part, Punt, PuntClass, Target, To, node, query
from bise.engine.packet import trim
from bise.features.ipv4.flow import flow_hash
from bise.features.ipv4.logic import Verdict, is_doubtful, is_odd_source, judge_source
from bise.features.ipv4.state import State
from bise.features.nexthop.choice import ONLY_LINUX, choose_hop
from bise.features.nexthop.state import Hashing, Hop
from bise.hot import hot, nth
from bise.tables.prefix32 import ask32, found32, seek32
from bise.tables.question import Question
from bise.wire import ethernet, ipv4
from bise.wire.ethernet import EtherType
from bise.wire.ipv4 import IPv4


class Input(IntEnum):
    VALID = 0
    SHORT = 1
    VERSION = 2
    HEADER_LENGTH = 3
    TOTAL_LENGTH = 4
    CHECKSUM = 5
    OPTIONS = 6
    MARTIAN_SOURCE = 7
    OWN_SOURCE = 8
    REVERSE_PATH = 9
    DOUBTFUL_SOURCE = 10


@node(Input, State)
def input(packet, state, now):
    """Trust the header or say why not (RFC 1812 5.2.2), then look at who claims to have sent it (5.3.7)."""
    fault = int(ipv4.fault(packet, packet.l3))
    if fault != 0:
        return fault
    ip = IPv4(packet, packet.l3)
    if ipv4.has_options(ip):
        return int(Input.OPTIONS)
    if not is_doubtful(state.doubts, ip.source, packet.port):
        return int(Input.VALID)
    if is_odd_source(ip.source):
        return int(Input.MARTIAN_SOURCE)
    verdict = judge_source(state, ip.source, packet.port)
    if verdict == Verdict.GOOD:
        return int(Input.VALID)
    if verdict == Verdict.OWN:
        return int(Input.OWN_SOURCE)
    return int(Input.REVERSE_PATH if verdict == Verdict.ELSEWHERE else Input.DOUBTFUL_SOURCE)


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
    """Find the next hop of the longest prefix (RFC 1812 5.2.4.3); the local table is in the same table."""
    found = found32(state.fib, Question(packet.question), IPv4(packet, packet.l3).destination)
    hop = nth(Hop, state.hops, found)
    packet.hop = hop.address
    return hop.kind


@hot
def find_entries(state, questions, count):
    """Go as far as the entries that decide, for all packets of a burst."""
    seek32(state.fib, questions, count)


@query(look_up, find_entries)
def ask_hop(packet, state):
    """Where does the destination lead, if this is an IPv4 packet?"""
    if not ethernet.seems(packet, EtherType.IPV4, ipv4.SIZE):
        return False
    ask32(state.fib, Question(packet.question), IPv4(packet, ethernet.SIZE).destination)
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
    TTL_EXPIRED = 1
    TOO_BIG = 2
    REDIRECT = 3


@node(Forward, State)
def forward(packet, state, now):
    """The packet is going on: age it by one hop (RFC 1812 5.3.1), unless Linux has something to say to its sender."""
    ip, hop = IPv4(packet, packet.l3), Hop(packet.hop)
    if ip.ttl <= 1:
        return Forward.TTL_EXPIRED
    if ip.total_length > hop.mtu:
        return Forward.TOO_BIG
    if hop.egress == packet.port:
        return Forward.REDIRECT
    ipv4.age(ip)
    trim(packet, packet.l3 + ip.total_length)
    return Forward.OUTPUT


_NO_ROUTE = Punt("ipv4.no-route", "no route: Linux tells the sender")
_SEVERAL = Punt("ipv4.multipath", "one of several next hops, chosen by Linux")
HOP_EDGES: dict[LookUp, Target] = {
    LookUp.FORWARD: To("ipv4.forward", _NO_ROUTE),
    LookUp.GROUP: To("ipv4.choose", _SEVERAL),
    LookUp.LOCAL: Punt("ipv4.local", "for this host", PuntClass.CONTROL),
    LookUp.UNRESOLVED: Punt("ipv4.unresolved", "the next hop's MAC is not known yet: Linux asks for it"),
    LookUp.BLACKHOLE: Drop("ipv4.blackhole", "a blackhole route"),
    LookUp.UNREACHABLE: Punt("ipv4.unreachable", "an unreachable route: Linux tells the sender"),
    LookUp.PROHIBIT: Punt("ipv4.prohibit", "a prohibiting route: Linux tells the sender"),
    LookUp.OTHER_LINK: Punt("ipv4.other-link", "the way out is no port of Bise's"),
    LookUp.KERNEL: Punt("ipv4.kernel-route", "a route that only Linux can follow"),
    LookUp.BROADCAST: Punt("ipv4.broadcast", "for all hosts of a network, or a group", PuntClass.CONTROL),
    LookUp.NO_ROUTE: _NO_ROUTE,
}

PART = Part(
    {
        input: {
            Input.VALID: To("ipv4.look_up", _NO_ROUTE),
            Input.SHORT: Drop("ipv4.short", "no room for an IPv4 header"),
            Input.VERSION: Drop("ipv4.version", "the header's version is not 4"),
            Input.HEADER_LENGTH: Drop("ipv4.header-length", "the header's length is less than 20 or beyond the packet"),
            Input.TOTAL_LENGTH: Drop("ipv4.total-length", "the total length is beyond the packet or within the header"),
            Input.CHECKSUM: Drop("ipv4.checksum", "the header's checksum is wrong"),
            Input.OPTIONS: Punt("ipv4.options", "a header with options"),
            Input.MARTIAN_SOURCE: Drop("ipv4.martian-source", "a source that no host may send from"),
            Input.OWN_SOURCE: Drop("ipv4.own-source", "a source that is an address of this host"),
            Input.REVERSE_PATH: Drop("ipv4.reverse-path", "the way back to the source is not this port (rp_filter)"),
            Input.DOUBTFUL_SOURCE: Punt("ipv4.doubtful-source", "a source that Linux judges (rp_filter)"),
        },
        look_up: HOP_EDGES,
        choose: HOP_EDGES | {LookUp.GROUP: _SEVERAL},
        forward: {
            Forward.OUTPUT: To("nexthop.output", _NO_ROUTE),
            Forward.TTL_EXPIRED: Punt("ipv4.ttl", "the time to live is over: Linux tells the sender"),
            Forward.TOO_BIG: Punt("ipv4.too-big", "larger than the way out: Linux fragments it or tells the sender"),
            Forward.REDIRECT: Punt("ipv4.redirect", "leaves by the port that it came in by"),
        },
    },
    queries=(ask_hop,),
)
