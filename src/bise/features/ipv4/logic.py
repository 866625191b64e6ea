"""What IPv4 decides about addresses, without tables where that is enough."""

from enum import IntEnum

from bise.features.ipv4.state import CHECKS_AT, OWN_AT, OWN_HASHES, SourceCheck
from bise.features.nexthop.state import Hop, HopKind
from bise.hot import hot, load8, nth
from bise.tables.prefix32 import look_up32

_LIMITED_BROADCAST = 0xFFFFFFFF


@hot
def is_odd_source(source):
    """A source that Linux calls martian wherever it comes from: 0.0.0.0, 127/8, multicast, 255.255.255.255
    (RFC 1812 5.3.7, RFC 1122 3.2.1.3; net/ipv4/route.c, ip_route_input_slow; the rest of 0/8 is unicast there)."""
    network = source >> 24
    if source == 0 or network == 127:
        return True
    return network >= 224 and (network < 240 or source == _LIMITED_BROADCAST)


@hot
def own_hash(address):
    """Where an address stands among the hashes of our own."""
    return address % OWN_HASHES


@hot
def is_doubtful(doubts, source, port):
    """Whether a source needs a closer look: it may be odd or ours, or the port asks for more."""
    own = load8(doubts + OWN_AT + own_hash(source))
    return load8(doubts + (source >> 24)) | own | load8(doubts + CHECKS_AT + port) != 0


class Verdict(IntEnum):
    """What is thought of a source."""

    GOOD = 0
    OWN = 1
    ELSEWHERE = 2  # certainly not by this port
    DOUBTFUL = 3  # only Linux knows


@hot
def judge_source(state, source, port):
    """The closer look: Linux's fib_validate_source (net/ipv4/fib_frontend.c), as far as the table tells."""
    check = load8(state.doubts + CHECKS_AT + port)
    if check == SourceCheck.OWN and load8(state.doubts + OWN_AT + own_hash(source)) == 0:
        return Verdict.GOOD
    return _judge_way_back(nth(Hop, state.hops, look_up32(state.fib, source)), check, port)


@hot
def _judge_way_back(hop, check, port):
    """What the check says of a source to which `hop` is the way back. (Whether Linux takes a broadcast address for a
    source depends on its history: it stays strict once a route of type local was made by hand.)"""
    kind = hop.kind
    if kind == HopKind.LOCAL:
        return Verdict.OWN
    if check == SourceCheck.OWN:
        return Verdict.DOUBTFUL if kind == HopKind.BROADCAST else Verdict.GOOD
    if kind == HopKind.FORWARD and hop.egress == port:
        return Verdict.GOOD
    if check == SourceCheck.LOOSE:
        away = kind == HopKind.FORWARD or kind == HopKind.UNRESOLVED or kind == HopKind.OTHER_LINK
        return Verdict.GOOD if away or kind == HopKind.GROUP else Verdict.DOUBTFUL
    if check == SourceCheck.STRICT and kind == HopKind.FORWARD:
        return Verdict.ELSEWHERE
    return Verdict.DOUBTFUL
