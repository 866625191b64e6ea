"""Whatever octets come: netlink's readers return something or raise NetlinkError, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.control.netlink import decode
from bise.control.netlink.message import (
    DONE,
    ERROR,
    Attributes,
    Message,
    NetlinkError,
    attribute,
    messages,
    refusal,
    request,
)
from bise.control.netlink.routes import RouteDecoder
from bise.control.netlink.rules import decode_rule
from tests.control.netlink import recorded
from tests.control.netlink.test_decode import GATEWAY_4, GATEWAY_6, RESILIENT, WEIGHTED
from tests.control.netlink.test_routes import MULTIPATH_4, MULTIPATH_6, PLAIN_4

DECODERS = [
    decode.decode_link,
    decode.decode_address,
    decode.decode_neighbour,
    decode.decode_next_hop,
    decode.decode_settings,
    decode.link_identity,
    decode.next_hop_identity,
    decode_rule,
]
SAMPLES = [
    recorded.link("eth0.7", 9, "vlan", [["IFLA_VLAN_ID", 7], ["IFLA_VLAN_PROTOCOL", 0x8100]]),
    recorded.address(family=2, prefixlen=24, index=3, attrs=[["IFA_ADDRESS", "10.0.0.2"], ["IFA_FLAGS", 128]]),
    recorded.neighbour(family=2, state=2, attrs=[["NDA_DST", "10.0.0.2"], ["NDA_LLADDR", "02:00:00:00:00:02"]]),
    recorded.rule(family=2, src_len=8, action=1, attrs=[["FRA_SRC", "10.0.0.0"], ["FRA_IIFNAME", "eth0"]]),
    *(bytes.fromhex(text) for text in (GATEWAY_4, GATEWAY_6, RESILIENT, WEIGHTED)),
    PLAIN_4,
    MULTIPATH_4,
    MULTIPATH_6,
]


@st.composite
def damaged(draw) -> bytes:
    """A message with some octets changed, cut off anywhere, its length made to fit or not."""
    octets = bytearray(draw(st.sampled_from(SAMPLES)))
    for place in draw(st.lists(st.integers(16, len(octets) - 1), max_size=4)):
        octets[place] = draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 3, 4, 255])))
    del octets[draw(st.integers(16, len(octets))) :]
    if draw(st.booleans()):
        octets[0:4] = len(octets).to_bytes(4, "little")
    return bytes(octets)


def read_all(octets: bytes) -> list[tuple[int, int]]:
    """Where the bodies of messages lie up to the first that lies; everybody has decoded each."""
    decoder, found = RouteDecoder(), []
    with suppress(NetlinkError):
        for one in messages(octets):
            found.append((one.start, one.end))
            for decode_one in (*DECODERS, decoder.decode):
                with suppress(NetlinkError):
                    decode_one(octets, one.start, one.end)
    return found


def found_slowly(octets: bytes, at: int = 0) -> list[tuple[int, int]]:
    """The same from `at` on, by what RFC 3549 says of the header alone."""
    length, left = int.from_bytes(octets[at : at + 4], "little"), len(octets) - at
    if left < 16 or not 16 <= length <= left:
        return []
    return [(at + 16, at + length), *found_slowly(octets, at + -(-length // 4) * 4)]


@given(damaged())
def test_a_damaged_message_is_an_error_at_most(octets):
    assert read_all(octets) == found_slowly(octets)


@given(st.binary(max_size=200))
def test_any_octets_are_an_error_at_most(octets):
    """Most of them don't even claim a length that could be: as what follows a sound header they are looked at, too."""
    assert len(read_all(request(16, 0, 1, octets))) == 1
    assert read_all(octets) == found_slowly(octets)


def test_several_messages_come_one_by_one():
    octets = request(16, 0, 1, b"abcde") + request(17, 4, 2, b"")
    first, second = messages(octets)
    assert octets[first.start : first.end] == b"abcde"
    assert (second.type, second.flags, second.sequence) == (17, 5, 2)


@pytest.mark.parametrize("length", [0, 15, 17, 2**32 - 1])
def test_a_length_that_lies_is_an_error(length):
    octets = length.to_bytes(4, "little") + bytes(12)
    with pytest.raises(NetlinkError):
        list(messages(octets))


@given(st.dictionaries(st.integers(1, 200), st.binary(max_size=40)))
def test_attributes_are_read_as_they_were_written(wanted):
    octets = b"".join(attribute(kind, value) for kind, value in wanted.items())
    assert dict(Attributes(octets, 0, len(octets)).items()) == wanted


@pytest.mark.parametrize("length", [0, 3, 9, 65535])
def test_an_attribute_that_lies_is_an_error(length):
    octets = length.to_bytes(2, "little") + bytes([1, 0]) + bytes(4)
    with pytest.raises(NetlinkError):
        Attributes(octets, 0, len(octets))


def test_attributes_may_not_reach_beyond_what_was_received():
    with pytest.raises(NetlinkError):
        Attributes(b"", 0, 8)


def test_a_number_has_a_numbers_size():
    octets = attribute(1, b"abc") + attribute(2, b"ab")
    values = Attributes(octets, 0, len(octets))
    with pytest.raises(NetlinkError):
        values.number(1)
    with pytest.raises(NetlinkError):
        values.signed(2)
    with pytest.raises(NetlinkError):
        values.address(1, 4)


def test_linux_refuses_in_its_own_words():
    words = b"Nexthop id does not exist\0"
    body = (-22).to_bytes(4, "little", signed=True) + bytes(16) + attribute(1, words)
    refused = refusal(body, Message(ERROR, 0x300, 1, 0, len(body)))
    assert (str(refused), refused.code) == ("Nexthop id does not exist", 22)


def test_a_code_that_is_none_of_linux_is_an_error_in_words():
    for code in (-4096, -(1 << 31)):
        body = code.to_bytes(4, "little", signed=True) + bytes(16)
        refused = refusal(body, Message(ERROR, 0, 1, 0, len(body)))
        assert isinstance(refused, NetlinkError)
        assert str(-code) in str(refused)


def test_success_is_no_refusal():
    assert refusal(bytes(20), Message(ERROR, 0, 1, 0, 20)) is None
    assert refusal(b"", Message(DONE, 0, 1, 0, 0)) is None
