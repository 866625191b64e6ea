"""SipHash against its authors' vectors (of whole words, made again with OpenSSL), both hashes against twins."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import entry
from bise.tables.jenkins import jenkins2
from bise.tables.siphash import siphash
from tests.tables import naive_hashes

# Of the octets 00 01 02 … under the key 00 01 … 0f, by their number.
VECTORS = {
    0: "310e0edd47db6f72",
    8: "6224939a79f5f593",
    16: "db9bc2577fcc2a3f",
    24: "94af49f6c650adb8",
    32: "ce7cf2722f512771",
    40: "d0a704536ba93e0e",
    48: "51a9cb9ecba312e6",
    56: "bd838d3aafbf8db7",
    64: "d8ca02850bc4d2ac",
    72: "2ec80d5163bae548",
}
_KEY = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
_signed = st.integers(-(2**63), 2**63 - 1)
_unsigned32 = st.integers(0, 2**32 - 1)


@entry(4)
def sip(address, words, low, high):
    return siphash(address, words, low, high)


@entry(2)
def jenkins(a, b):
    return jenkins2(a, b)


def sip_of(octets: bytes, low: int, high: int) -> int:
    room = ctypes.create_string_buffer(octets, max(1, len(octets)))
    return sip(ctypes.addressof(room), len(octets) // 8, low, high) % 2**64


@pytest.mark.parametrize("octets", VECTORS)
def test_siphash_gives_its_authors_vectors(octets):
    message, expected = bytes(range(octets)), bytes.fromhex(VECTORS[octets])
    assert sip_of(message, *_KEY).to_bytes(8, "little") == expected
    assert naive_hashes.siphash(message, *_KEY).to_bytes(8, "little") == expected


@given(st.integers(0, 40).flatmap(lambda words: st.binary(min_size=8 * words, max_size=8 * words)), _signed, _signed)
def test_siphash_agrees_with_its_twin(octets, low, high):
    assert sip_of(octets, low, high) == naive_hashes.siphash(octets, low % 2**64, high % 2**64)


@given(_unsigned32, _unsigned32)
def test_jenkins_agrees_with_its_twin(a, b):
    assert jenkins(a, b) == naive_hashes.jenkins2(a, b)
