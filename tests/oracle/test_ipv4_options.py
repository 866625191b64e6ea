"""IPv4 options: well formed ones are acted upon, malformed ones are answered, by Linux' rules."""

from typing import Any

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.l2 import Ether

from tests.namespaces import CLIENT
from tests.oracle.addresses import SERVER4, THIRD4
from tests.oracle.packets import framed, ip4, to_length, udp, with_options
from tests.oracle.pair import Pair

pytestmark = pytest.mark.root

ROUTER, OTHER = bytes([10, 0, 1, 1]), bytes([10, 1, 3, 9])

WELL_FORMED = {
    "no operation": b"\x01\x01\x01\x01",
    "end of list": b"\x00\x00\x00\x00",
    "end of list, then rubbish": b"\x01\x00\xff\xff",
    "router alert": b"\x94\x04\x00\x00",
    "router alert with a value": b"\x94\x04\x12\x34",
    "record route, empty": b"\x07\x0b\x04" + bytes(8),
    "record route, one slot left": b"\x07\x0b\x08" + bytes(8),
    "record route, full": b"\x07\x0b\x0c" + bytes(8),
    "record route, nine slots": b"\x07\x27\x04" + bytes(36),
    "timestamp": b"\x44\x0c\x05\x00" + bytes(8),
    "timestamp, full": b"\x44\x0c\x0d\x00" + bytes(8),
    "timestamp, overflow counted": b"\x44\x0c\x0d\x10" + bytes(8),
    "timestamp with addresses": b"\x44\x0c\x05\x01" + bytes(8),
    "timestamp for somebody else": b"\x44\x0c\x05\x03" + OTHER + bytes(4),
    "stream": b"\x88\x04\x00\x01",
    "security": b"\x82\x0b" + bytes(9),
    "an experiment": b"\x9e\x04\x00\x00",
    "unknown": b"\x55\x04\x00\x00",
    "unknown, to be copied": b"\xd5\x04\x00\x00",
}
MALFORMED = {
    "length zero": b"\x07\x00\x04\x00",
    "length one": b"\x07\x01\x04\x00",
    "longer than the header": b"\x07\x20\x04\x00",
    "cut off after its kind": b"\x01\x01\x01\x07",
    "record route, pointer too small": b"\x07\x0b\x03" + bytes(8),
    "record route, pointer past the last slot": b"\x07\x0b\x0a" + bytes(8),
    "record route, too short": b"\x07\x02\x01\x01",
    "record route, twice": (b"\x07\x07\x04" + bytes(4)) * 2,
    "timestamp, pointer too small": b"\x44\x0c\x04\x00" + bytes(8),
    "timestamp, no room for an address": b"\x44\x08\x05\x01" + bytes(4),
    "timestamp, overflow runs over": b"\x44\x0c\x0d\xf0" + bytes(8),
    "timestamp, unknown flag": b"\x44\x0c\x05\x07" + bytes(8),
    "timestamp, too short": b"\x44\x03\x05\x00",
    "router alert, too short": b"\x94\x03\x00\x00",
    "commercial security of an unknown domain": b"\x86\x0a\x00\x00\x00\x01\x01\x04\x00\x00",
    "commercial security, too short": b"\x86\x04\x00\x00",
    "source route, too short": b"\x83\x02\x04\x00",
    "source route, pointer too small": b"\x83\x07\x03" + OTHER + b"\x00",
    "two source routes": b"\x83\x07\x04" + OTHER + b"\x89\x07\x04" + OTHER,
}
SOURCE_ROUTES = {
    "loose, through the router": b"\x83\x07\x04" + OTHER + b"\x00",
    "loose, over": b"\x83\x07\x08" + OTHER + b"\x00",
    "strict, through the router": b"\x89\x07\x04" + OTHER + b"\x00",
    "strict, over": b"\x89\x07\x08" + OTHER + b"\x00",
}
# What two clocks make differ: a timestamp that the router writes.
CLOCKED = {"timestamp", "timestamp with addresses"}


def with_all(options: bytes, **fields: Any) -> list[bytes]:
    packets = [ip4(target, **fields) / udp() for target in (SERVER4, THIRD4, "10.0.1.1", "192.0.2.21")]
    return [framed(CLIENT, with_options(packet, options)) for packet in packets]


@pytest.mark.parametrize("name", sorted(WELL_FORMED.keys() - CLOCKED))
def test_a_well_formed_option_is_treated_alike(pair: Pair, name: str) -> None:
    assert pair.agree("c", with_all(WELL_FORMED[name]))["s"]
    assert pair.agree("c", with_all(WELL_FORMED[name], ttl=1))["c"]


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_option_is_answered_alike(pair: Pair, name: str) -> None:
    assert pair.agree("c", with_all(MALFORMED[name]))["c"]
    assert pair.agree("c", with_all(MALFORMED[name], ttl=1))["c"]


@pytest.mark.parametrize("name", CLOCKED)
def test_a_timestamp_is_written_by_both(pair: Pair, name: str) -> None:
    packet = framed(CLIENT, with_options(ip4() / udp(), WELL_FORMED[name]))
    written = [outputs["s"][-1] for outputs in pair.exchange([("c", packet)])]
    assert {len(each) for each in written} == {len(packet)}
    pointer = {each[14 + 20 + 2] for each in written}
    assert len(pointer) == 1
    assert pointer.pop() > 5


@pytest.mark.parametrize("name", SOURCE_ROUTES)
@pytest.mark.parametrize("accepted", [0, 1])
def test_a_source_route_is_followed_or_refused_alike(pair: Pair, name: str, accepted: int) -> None:
    with pair.sysctls({f"net/ipv4/conf/{port}/accept_source_route": accepted for port in ("all", "c")}):
        assert pair.agree("c", with_all(SOURCE_ROUTES[name])).packets == 4


def test_a_malformed_option_is_named_in_the_error(pair: Pair) -> None:
    answers = pair.agree("c", with_all(MALFORMED["record route, pointer too small"])[:1])["c"]
    assert [(Ether(answer)[ICMP].type, Ether(answer)[ICMP].ptr) for answer in answers] == [(12, 22)]


def test_options_meet_the_mtu_edge_alike(pair: Pair) -> None:
    packets = []
    for options in (b"\x01\x01\x01\x01", b"\x94\x04\x00\x00", b"\x07\x0b\x04" + bytes(8) + b"\x00"):
        for size in (1396, 1397, 1400, 1401, 1500):
            for flags in ("", "DF"):
                whole = to_length(ip4(THIRD4, flags=flags) / udp(b""), size - len(options))
                packets.append(framed(CLIENT, with_options(whole, options)))
    assert pair.agree("c", packets)["t"]
