"""The Internet checksum against RFC 1071's and RFC 1624's examples, scapy, and a naive sum."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.utils import checksum as scapy_checksum

from bise.hot import entry
from bise.wire import checksum, ipv4, ipv6
from tests.wire.naive import ones_sum
from tests.wire.packet import Bench, Notes

BENCH = Bench()
SIZES = st.integers(0, 80) | st.sampled_from([1499, 1500, 1501, 9000, 65535])


@entry(3)
def total(packet, offset, octets):
    return checksum.total(Notes(packet), offset, octets)


@entry(4)
def intact(packet, offset, octets, pseudo):
    return checksum.intact(Notes(packet), offset, octets, pseudo)


@entry(3)
def updated(field, before, after):
    return checksum.updated(field, before, after)


@entry(1)
def folded(number):
    return checksum.folded(number)


@entry(4)
def pseudo_ipv4(packet, offset, protocol, octets):
    return checksum.pseudo_ipv4(ipv4.IPv4(Notes(packet), offset), protocol, octets)


@entry(4)
def pseudo_ipv6(packet, offset, protocol, octets):
    return checksum.pseudo_ipv6(ipv6.IPv6(Notes(packet), offset), protocol, octets)


def test_the_example_of_rfc_1071():
    assert total(BENCH.lay(bytes.fromhex("0001f203f4f5f6f7")), 0, 8) == 0xDDF2


def test_the_example_of_rfc_1624():
    # Section 4: 0x5555 becomes 0x3285 under the checksum 0xdd2f; the right answer is 0, not 0xffff.
    assert updated(0xDD2F, 0x5555, 0x3285) == 0x0000


@given(st.randoms(), SIZES, st.integers(0, 17), st.booleans())
def test_sums_are_those_of_a_naive_twin(chance, octets, offset, low):
    content = chance.randbytes(octets) if chance.random() < 0.7 else bytes([chance.choice((0, 0xFF))]) * octets
    address = BENCH.lay(bytes(offset) + content, low=low)
    assert total(address, offset, octets) == ones_sum(content)
    assert total(address, offset, octets) == ~scapy_checksum(content) & 0xFFFF
    part = chance.randrange(octets + 1)
    assert total(address, offset, part) == ones_sum(content[:part])


@pytest.mark.parametrize(
    "content", [b"", b"\0", bytes(64), b"\xff" * 2, b"\xff" * 65534, b"\xff" * 65535, b"\xff\xfe\0\1"]
)
def test_both_zeros_are_told_apart(content):
    summed = total(BENCH.lay(content), 0, len(content))
    assert summed == ones_sum(content)
    assert (summed == 0) == (not any(content))


@pytest.mark.parametrize(("offset", "octets"), [(0, 41), (40, 1), (41, 0), (-1, 1), (0, -1), (39, 2), (1 << 62, 8)])
def test_a_range_outside_of_the_packet_has_no_sum(offset, octets):
    assert total(BENCH.lay(bytes(40), further=100), offset, octets) == -1
    assert intact(BENCH.address, offset, octets, 0) == -1


@given(st.integers(0, (1 << 63) - 1))
@example((1 << 63) - 1)
@example(0xFFFF_FFFF_FFFF)
@example(0xFFFE_0001)
def test_folding_keeps_the_rest_modulo_65535(number):
    assert folded(number) == (0 if number == 0 else (number - 1) % 0xFFFF + 1)


@given(st.binary(min_size=2, max_size=40), st.integers(0, 0xFFFF), st.data())
def test_an_updated_checksum_is_the_one_computed_anew(content, after, data):
    content += bytes(len(content) % 2)
    at = data.draw(st.integers(0, len(content) // 2 - 1)) * 2
    changed = content[:at] + after.to_bytes(2, "big") + content[at + 2 :]
    found = updated(~ones_sum(content) & 0xFFFF, int.from_bytes(content[at : at + 2], "big"), after)
    # RFC 1624: equation 3 gives what computing anew gives, save where everything that is covered becomes zero.
    assert found == ~ones_sum(changed) & 0xFFFF or not any(changed)


def test_pseudo_headers_make_scapys_checksums_right():
    for content in (b"", b"odd", b"even"):
        sent = bytes(IP(src="255.255.255.255", dst="10.0.0.2") / TCP() / content)
        pseudo = pseudo_ipv4(BENCH.lay(sent), 0, 6, len(sent) - 20)
        assert intact(BENCH.address, 20, len(sent) - 20, pseudo) == 1
        sent = bytes(IPv6(src="ffff:ffff:ffff::1", dst="2001:db8::2") / ICMPv6EchoRequest(data=content))
        pseudo = pseudo_ipv6(BENCH.lay(sent), 0, 58, len(sent) - 40)
        assert intact(BENCH.address, 40, len(sent) - 40, pseudo) == 1


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 255),
    st.integers(0, 1 << 31),
)
def test_pseudo_headers_are_those_of_the_rfcs(source, destination, protocol, octets):
    header = bytes(8) + source + destination
    layout = source + destination + octets.to_bytes(4, "big") + bytes(3) + bytes([protocol])  # RFC 8200 8.1
    assert pseudo_ipv6(BENCH.lay(header), 0, protocol, octets) == ones_sum(layout)
    octets %= 0x10000
    header = bytes(12) + source[:4] + destination[:4]
    layout = source[:4] + destination[:4] + bytes([0, protocol]) + octets.to_bytes(2, "big")  # RFC 9293 3.1
    assert pseudo_ipv4(BENCH.lay(header), 0, protocol, octets) == ones_sum(layout)


def test_one_flipped_bit_is_noticed():
    sent = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / ICMP() / b"ping")
    assert intact(BENCH.lay(sent), 20, len(sent) - 20, 0) == 1
    for bit in range(20 * 8, len(sent) * 8):
        flipped = bytearray(sent)
        flipped[bit // 8] ^= 1 << bit % 8
        assert intact(BENCH.lay(bytes(flipped)), 20, len(sent) - 20, 0) == 0
