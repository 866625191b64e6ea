"""What packets ask the routing tables before anything about them has been checked."""

import ctypes

import pytest

from bise.engine.alone import packet_of, record_of
from bise.engine.packet import Packet
from bise.features.ipv4 import nodes as ipv4
from bise.features.ipv4.state import State as IPv4State
from bise.features.ipv6 import nodes as ipv6
from bise.features.ipv6.state import State as IPv6State
from bise.hot import entry
from bise.tables.prefix32 import Prefix32
from bise.tables.prefix128 import Prefix128
from bise.tables.retire import immediately

MACS = bytes(12)
IPV4 = MACS + b"\x08\x00\x45" + bytes(15) + bytes([192, 0, 2, 1])
IPV6 = MACS + b"\x86\xdd\x60" + bytes(23) + bytes.fromhex("20010db8000000010000000000000002")
NOTHING = (5, 5, 5)
FOUR, SIX = ipv4.ask_hop.ask, ipv6.ask_hop.ask


@entry(2)
def ask4(packet, state):
    return FOUR(Packet(packet), IPv4State(state))


@entry(2)
def ask6(packet, state):
    return SIX(Packet(packet), IPv6State(state))


@pytest.fixture(scope="module")
def states():
    """Of both families, with their tables."""
    tables, records = (Prefix32(immediately, 4, 1), Prefix128(immediately, 4, 1)), (IPv4State, IPv6State)
    states = [record_of(kind) for kind in records]
    for state, table in zip(states, tables, strict=True):
        state.fib = table.address
    yield states
    for table in tables:
        table.close()


def _asked(ask, octets, state):
    """The Question that is put, or NOTHING where the packet is said to have none, and its record is untouched."""
    packet, question = packet_of(octets), (ctypes.c_int64 * 4)(*NOTHING, 5)
    packet.question, packet.l3 = ctypes.addressof(question), 0  # nothing is noted yet
    said = ask(packet.address, state.address)
    assert said == (tuple(question[:3]) != NOTHING)
    return tuple(question[:3])


def test_a_packet_asks_for_the_destination_that_it_seems_to_have(states):
    fours, sixes = states
    assert _asked(ask4, IPV4, fours) == (0xC0000201, 5, fours.fib)
    assert _asked(ask6, IPV6, sixes) == (0x20010DB800000001, 2, sixes.fib)
    assert _asked(ask4, IPV4 + bytes(40), fours)[0] == 0xC0000201


@pytest.mark.parametrize(
    "octets",
    [IPV4[:-1], MACS + b"\x08\x00", MACS + b"\x08\x06" + bytes(40), MACS + b"\x81\x00\x00\x01" + IPV4[12:], IPV6],
    ids=["cut", "empty", "arp", "tagged", "ipv6"],
)
def test_what_is_no_plain_ipv4_packet_asks_nothing(octets, states):
    assert _asked(ask4, octets, states[0]) == NOTHING


@pytest.mark.parametrize("octets", [IPV6[:-1], IPV4 + bytes(40)], ids=["cut", "ipv4"])
def test_what_is_no_plain_ipv6_packet_asks_nothing(octets, states):
    assert _asked(ask6, octets, states[1]) == NOTHING
