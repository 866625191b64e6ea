"""Counts DNS queries and drops those for some names and everything below them (RFC 1035), asked over UDP and IPv4.

    bise run --port eth0 --port eth1 --node examples/dns_guard.py
    bise node reload dns_guard      # after a change of BLOCKED
"""

from enum import IntEnum

from bise.node import Drop, Header, Insert, Part, be16, hot, le64, mix64, node, u8
from bise.wire import ipv4, udp
from bise.wire.ipv4 import FRAGMENT_OFFSET, IPv4, Protocol
from bise.wire.udp import UDP

BLOCKED = ("ads.example.com", "tracker.example")

_PORT, _RESPONSE = 53, 0x8000
_LABELS = 32  # of a name that we read; a longer one is let through
_POINTER = 0xC0


class DNS(Header):
    """The head of a message (RFC 1035 4.1.1)."""

    identifier = be16()
    flags = be16()
    questions = be16()
    answers = be16()
    authorities = be16()
    additional = be16()


_HEAD = DNS.size


class Counts(Header):
    """What is remembered: a record for each worker, which alone writes it."""

    queries = le64()
    blocked = le64()


class Guard(IntEnum):
    ON = 0
    BLOCKED = 1


@node(Guard, Counts)
def guard(packet, state, now):
    """Let everything but a query for a blocked name through."""
    question = _question(packet)
    if question == 0:
        return Guard.ON
    state.queries += 1
    if not _is_blocked(packet, question):
        return Guard.ON
    state.blocked += 1
    return Guard.BLOCKED


@hot
def _question(packet):
    """Where a query's first name begins; 0 if the packet is no query. Behind `ipv4.input` the IP header is trusted."""
    ip = IPv4(packet, packet.l3)
    start, end = packet.l3 + ipv4.header_octets(ip), packet.l3 + ip.total_length
    if ip.protocol != Protocol.UDP or ip.fragment & FRAGMENT_OFFSET != 0:
        return 0
    if udp.fault(packet, start, end - start) != udp.Fault.NONE or UDP(packet, start).destination_port != _PORT:
        return 0
    head = start + udp.SIZE
    if min(packet.length, end) - head < _HEAD:
        return 0
    dns = DNS(packet, head)
    return head + _HEAD if dns.flags & _RESPONSE == 0 and dns.questions > 0 else 0


class Octet(Header):
    """One octet of a name."""

    value = u8()


@hot
def _is_blocked(packet, start):
    """Whether the name at `start`, or what remains of it behind some label, is a blocked one."""
    end = _end(packet, start)
    for _ in range(_LABELS):
        if start >= end:
            return False
        rest = _fold(packet, start, end)
        for blocked in _HASHES:
            if rest == blocked:
                return True
        start += 1 + Octet(packet, start).value
    return False


@hot
def _end(packet, start):
    """Where the name's closing zero is; 0 for one that is longer than we read, compressed or not whole."""
    for _ in range(_LABELS):
        if start >= packet.length:
            return 0
        label = Octet(packet, start).value
        if label == 0:
            return start
        if label >= _POINTER:
            return 0
        start += 1 + label
    return 0


@hot
def _fold(packet, start, end):
    """A number for a name, whatever the case of its letters (RFC 4343)."""
    value = 0
    for at in range(start, end):
        octet = Octet(packet, at).value
        value = mix64(value ^ (octet + 32 if 65 <= octet <= 90 else octet))
    return value


def _hash(name: str) -> int:
    """What `_fold` makes of it."""
    value = 0
    for label in name.lower().split("."):
        for octet in (len(label), *label.encode()):
            value = mix64(value ^ octet)
    return value


_HASHES = tuple(map(_hash, BLOCKED))
PART = Part(
    {guard: {Guard.BLOCKED: Drop("dns_guard.blocked", "a query for a blocked name")}},
    inserts=(Insert(guard, "ipv4.input", "VALID", Guard.ON),),
)
