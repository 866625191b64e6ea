"""What tells flows apart, against the slow twin: packets made by chance, every hash policy, octets out of reach."""

import ctypes
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.control.gates.settings import Multipath
from bise.engine.packet import Packet
from bise.features.ipv4 import flow as flow4
from bise.features.ipv6 import flow as flow6
from bise.features.nexthop import hashing
from bise.features.nexthop.choice import ONLY_LINUX
from bise.features.nexthop.state import Hashing
from bise.hot import entry
from tests.features.nexthop import naive, traffic
from tests.guarded import Guarded

FIELDS = (0x7, 0x3F, 0x0, 0x8, 0x15, 0x2A, 0xFC7, 0xFFF)
POLICIES = st.one_of(st.tuples(st.integers(0, 2), st.just(7)), st.tuples(st.just(3), st.sampled_from(FIELDS)))
SEEDS = st.sampled_from((1, 0x5EED, 0x80000000, 0xFFFFFFFF))
hash4, hash6 = flow4.flow_hash, flow6.flow_hash


@entry(2)
def hash_ipv4(packet, rule):
    return hash4(Packet(packet), Hashing(rule))


@entry(2)
def hash_ipv6(packet, rule):
    return hash6(Packet(packet), Hashing(rule))


class Hasher:
    """What hot code is given: a packet behind an Ethernet header, and a rule."""

    def __init__(self) -> None:
        self._guarded = Guarded()
        self._room = ctypes.create_string_buffer(Packet.size + Hashing.size)
        self._packet = Packet(ctypes.addressof(self._room))
        self.rule = Hashing(self._packet.address + Packet.size)

    def follow(self, version: int, policy: int, fields: int, seed: int) -> None:
        multipath = Multipath(policy, fields, seed)
        hashing.write(self.rule, hashing.rule(version, multipath), multipath, secret=77)

    def hash(self, octets: bytes, at_hand: int | None = None, behind: bytes = b"") -> int:
        """Of the IP packet `octets`, of which `at_hand` are contiguous; `behind` follows on the link."""
        whole = bytes(14) + octets + behind
        contiguous = whole if at_hand is None else whole[: 14 + at_hand]
        self._packet.data = self._guarded.put(contiguous)
        self._packet.length, self._packet.total, self._packet.l3 = len(contiguous), len(whole), 14
        return (hash_ipv4 if octets[0] >> 4 == 4 else hash_ipv6)(self._packet.address, self.rule.address)


@pytest.fixture(scope="module")
def hasher() -> Hasher:
    return Hasher()


@given(st.randoms(use_true_random=False), st.sampled_from((4, 6)), POLICIES, SEEDS)
def test_every_policy_hashes_as_linux_does(hasher, chance, version, policy, seed):
    octets = traffic.packet(Random(chance.getrandbits(64)), version)
    hasher.follow(version, *policy, seed)
    expected = naive.flow_hash(octets, *policy, seed)
    assert hasher.hash(octets) == (ONLY_LINUX if expected is None else expected)
    assert hasher.hash(octets, behind=b"\xff" * 40) == hasher.hash(octets)


@given(st.randoms(use_true_random=False), st.sampled_from((4, 6)), POLICIES)
def test_what_is_out_of_reach_is_left_to_linux_and_never_guessed(hasher, chance, version, policy):
    chance = Random(chance.getrandbits(64))
    octets = traffic.packet(chance, version)
    hasher.follow(version, *policy, 1)
    at_hand = chance.randrange(20 if version == 4 else 40, len(octets) + 1)
    assert hasher.hash(octets, at_hand) in (hasher.hash(octets), ONLY_LINUX)


@given(st.randoms(use_true_random=False), st.sampled_from((4, 6)), st.binary(min_size=4, max_size=4))
def test_both_directions_of_a_flow_have_one_hash(hasher, chance, version, ports):
    chance = Random(chance.getrandbits(64))
    near, far = traffic.address(chance, version), traffic.address(chance, version)
    hasher.follow(version, 1, 7, 3)
    there = traffic.header(version, near, far, 17, ports + bytes(4))
    back = traffic.header(version, far, near, 17, ports[2:] + ports[:2] + bytes(4))
    assert hasher.hash(there) == hasher.hash(back)


@pytest.mark.parametrize("version", [4, 6])
def test_an_error_belongs_to_the_flow_that_it_is_about(hasher, version):
    near, far, router = (bytes([number]) * (4 if version == 4 else 16) for number in (32, 33, 34))
    flow = traffic.header(version, near, far, 17, bytes(8))
    kind = b"\3\4" if version == 4 else b"\2\0"
    error = traffic.header(version, router, near, 1 if version == 4 else 58, kind + bytes(6) + flow)
    hasher.follow(version, 0, 7, 3)
    assert hasher.hash(error) == hasher.hash(flow)
    hasher.follow(version, 1, 7, 3)
    assert hasher.hash(error) != hasher.hash(flow)


@pytest.mark.parametrize("version", [4, 6])
def test_an_unknown_policy_is_left_to_linux(hasher, version):
    hasher.follow(version, 4, 7, 1)
    assert hasher.hash(traffic.packet(Random(1), version)) == ONLY_LINUX
    assert f"net.ipv{version}.fib_multipath_hash_policy is 4" in hashing.rule(version, Multipath(4)).why


@pytest.mark.parametrize("version", [4, 6])
def test_without_a_seed_the_hash_is_a_secret_that_stays(hasher, version):
    octets = traffic.packet(Random(1), version)
    hasher.follow(version, 0, 7, 0)
    assert hasher.hash(octets) == hasher.hash(octets) == naive.flow_hash(octets, 0, 7, 77)
