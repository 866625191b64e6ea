"""IPv4's filter of our own addresses never lets one through, and rarely holds another; rp_filter becomes a check."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bise.control.objects import TABLE_LOCAL, Address, AddressFlag, Route, RouteKind
from bise.features.feature import PortFacts, Surroundings
from bise.features.ipv4 import logic
from bise.features.ipv4.control import Control
from bise.features.ipv4.state import CHECKS_AT, SourceCheck, State
from bise.features.nexthop.control import Control as NextHop
from bise.hot import entry, load8
from bise.tables.retire import immediately
from tests.features.network import Network, destination

is_doubtful = logic.is_doubtful


@entry(2)
def held(state, address):
    return int(is_doubtful(State(state).doubts, address, 0))


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    surroundings = Surroundings(Network(), immediately, 8)
    hops = NextHop(surroundings)
    made = Control(surroundings)
    yield made
    made.close()
    hops.close()


@given(st.sets(st.integers(0, 2**32 - 1), max_size=30), st.integers(1 << 24, (127 << 24) - 1))
@settings(max_examples=60)
def test_none_of_ours_passes_the_filter(control, addresses, other):
    control.set_own((address, 32) for address in addresses)
    assert all(held(control.state.address, address) for address in addresses)
    hashes = {logic.own_hash(address) for address in addresses}
    assert bool(held(control.state.address, other)) == (logic.own_hash(other) in hashes)


def test_neighbouring_addresses_share_no_hash():
    start = 0xC0A80100
    assert len({logic.own_hash(start + number) for number in range(256)}) == 256


@given(st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 0x7F000001, 0xDFFFFFFF, 0xE0000000, 0xFFFFFFFF])))
def test_no_odd_source_passes_the_filter(control, source):
    control.set_own([])
    assert bool(held(control.state.address, source)) >= logic.is_odd_source(source)
    assert bool(held(control.state.address, source)) == (source >> 24 in {0, 127, 255} or 224 <= source >> 24 < 240)


def test_a_network_made_local_by_hand_makes_every_source_be_looked_up(control):
    control.set_own([(10 << 24, 8)])
    assert held(control.state.address, 0x08080808)
    control.set_own([(127 << 24, 8)])
    assert not held(control.state.address, 0x08080808)


def test_local_routes_come_and_go_in_the_filter(control):
    network = Network()
    local = destination("192.0.2.1/32", [Route(RouteKind.LOCAL)], TABLE_LOCAL)
    control.follow(network.set(local))
    assert held(control.state.address, 0xC0000201)
    control.follow(network.drop(local))
    assert not held(control.state.address, 0xC0000201)


CASES = [
    (0, True, SourceCheck.OWN),
    (0, False, SourceCheck.OWN),
    (1, True, SourceCheck.STRICT),
    (1, False, SourceCheck.STRICT),
    (2, True, SourceCheck.LOOSE),
    (2, False, SourceCheck.LOOSE_UNADDRESSED),
    (9, True, SourceCheck.LOOSE),
]


@pytest.mark.parametrize(("rp_filter", "addressed", "check"), CASES)
def test_rp_filter_becomes_a_check_whichever_comes_first(control, rp_filter, addressed, check):
    network, port = Network(), PortFacts(3, "port", 33, 2, 1500, 1500, rp_filter=rp_filter)
    ours = Address(33, 4, 0x0A000001, 24, 0x0A000001, None, 0, AddressFlag.PERMANENT)
    for first in (True, False):
        if not first:
            control.set_port(port)
        control.follow(network.set(ours))
        if first:
            control.set_port(port)
        if not addressed:
            control.follow(network.drop(ours))
        assert load8(control.state.doubts + CHECKS_AT + 3) == check
        control.follow(network.drop(ours))
        control.drop_port(port)
