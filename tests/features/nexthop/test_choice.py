"""One of several next hops: the bounds of shares, the member that a hash leads to, and the way of a whole packet."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.control.gates.settings import Multipath
from bise.features.nexthop.choice import choose_hop
from bise.features.nexthop.control import Egress, Hops, Several, TooManyHops, Via, shares
from bise.features.nexthop.state import Hashing, Hop, HopKind
from bise.hot import entry
from bise.tables.retire import immediately
from tests.features.nexthop import naive

LINK, LAST = 7, 2**31 - 1
WEIGHTS = st.lists(st.one_of(st.integers(1, 4), st.integers(1, 256), st.integers(1, 65536)), min_size=1, max_size=12)


@entry(4)
def choose(hops, group, rule, found):
    return choose_hop(hops, Hop(group), Hashing(rule), found)


class Group:
    """A group of neighbours 0, 1, 2 …, each of that weight."""

    def __init__(self, weights: list[int], careful: bool = False) -> None:
        self.hops = Hops(immediately, capacity=64)
        self.hops.set_link(LINK, Egress(port=1, mac=1, mtu=1500))
        self.members = [Via(LINK, 4, number) for number in range(len(weights))]
        for number in range(len(weights)):
            self.hops.set_neighbour(LINK, 4, number, 100 + number)
        parts = shares(list(zip(weights, self.members, strict=True)))
        self.index = self.hops.claim(Several(parts, careful))
        self.follow(use_neigh=False)

    def follow(self, use_neigh: bool) -> None:
        self.hops.set_multipath(4, Multipath(seed=1, use_neigh=use_neigh), secret=1)

    def choose(self, found: int) -> int:
        """The neighbour that a hash leads to."""
        record = self.hops.record(self.index)
        assert record.kind == HopKind.GROUP
        chosen = choose(self.hops.address, record.address, self.hops.hashing[4].address, found)
        number = (chosen - self.hops.address) // Hop.size
        return next(n for n, member in enumerate(self.members) if self.hops.claim(member) == number)


@given(WEIGHTS)
def test_bounds_are_rounded_as_linux_rounds_them(weights):
    parts = shares([(weight, Via(LINK, 4, number)) for number, weight in enumerate(weights)])
    assert [bound for bound, _ in parts] == naive.bounds(weights)
    assert parts[-1][0] == LAST


@given(WEIGHTS, st.data(), st.booleans(), st.booleans())
def test_a_hash_leads_where_linux_goes(weights, data, careful, use_neigh):
    lost = data.draw(st.lists(st.booleans(), min_size=len(weights), max_size=len(weights)))
    group = Group(weights, careful)
    group.follow(use_neigh)
    for number, gone in enumerate(lost):
        if gone:
            group.hops.set_neighbour(LINK, 4, number, None, lost=True)
    edges = {min(bound + more, LAST) for bound in naive.bounds(weights) for more in (0, 1)}
    for found in sorted(edges | {0, data.draw(st.integers(0, LAST))}):
        assert group.choose(found) == naive.chosen(weights, lost, careful or use_neigh, found)
    group.hops.close()


def test_a_neighbour_that_is_not_known_yet_is_not_passed_over():
    group = Group([1, 1], careful=True)
    group.hops.set_neighbour(LINK, 4, 0, None)
    assert group.choose(0) == 0
    assert group.hops.record(group.hops.claim(group.members[0])).kind == HopKind.UNRESOLVED
    group.hops.set_neighbour(LINK, 4, 0, None, lost=True)
    assert group.choose(0) == 1
    group.hops.set_neighbour(LINK, 4, 0, 5)
    assert group.choose(0) == 0


def test_a_group_may_be_as_long_as_linux_lets_it():
    group = Group([1] * 40)
    chance = Random(1)
    counts = Counter(group.choose(chance.getrandbits(31)) for _ in range(400))
    assert len(counts) == 40
    assert group.choose(LAST) == 39


@pytest.mark.parametrize("family", [4, 6])
def test_before_the_settings_are_known_linux_chooses(family):
    hops = Hops(immediately, capacity=4)
    assert hops.hashing[family].linux
    assert hops.why_linux_chooses[family]
    hops.set_multipath(family, Multipath(), secret=1)
    assert not hops.hashing[family].linux
    assert not hops.why_linux_chooses[family]
    hops.close()


def test_a_group_that_finds_no_room_takes_none():
    hops = Hops(immediately, capacity=4)
    wanted = Several(shares([(1, Via(LINK, 4, number)) for number in range(4)]))
    for _ in range(3):
        with pytest.raises(TooManyHops, match="next hops"):
            hops.claim(wanted)
        assert len(hops) == 0
    hops.close()
