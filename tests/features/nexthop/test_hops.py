"""Next-hop records against what workers may have read: no half of two addresses, no record used again too early."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bise.features.nexthop.control import Egress, End, Hops, Several, TooManyHops, Via
from bise.features.nexthop.state import WINDOW_BITS, Hop, HopKind, Member
from bise.hot import nth
from bise.tables.retire import immediately

LINKS = (3, 4)
ADDRESSES = (1, 2)
MACS = st.sampled_from((None, 0x02_00_00_00_00_AA, 0x02_00_00_00_00_BB))
NEIGHBOURS = st.builds(Via, st.sampled_from(LINKS), st.just(4), st.sampled_from(ADDRESSES), st.sampled_from((0, 900)))
ENDS = st.sampled_from((End(HopKind.LOCAL), End(HopKind.BLACKHOLE)))
GROUPS = st.lists(NEIGHBOURS, min_size=2, max_size=3).map(
    lambda parts: Several(tuple((number * 1000 + 999, part) for number, part in enumerate(parts)))
)
EGRESSES = st.one_of(
    st.none(),
    st.builds(Egress, st.integers(0, 1), st.sampled_from((0x0A, 0x0B)), st.sampled_from((1500, 9000))),
    st.just(Egress(1, 0x0A, 1500, 1500, frozenset({4}))),
)


def words(hop: Hop) -> tuple[int, ...]:
    """All that a worker goes by once it has seen the kind."""
    if hop.kind == HopKind.FORWARD:
        return hop.egress, hop.mtu, hop.macs, hop.macs_end
    if hop.kind == HopKind.GROUP:
        members = [nth(Member, hop.members, number) for number in range(hop.egress)]
        return hop.egress, hop.members, *(part for member in members for part in (member.bound, member.hop))
    return ()


def macs(hop: Hop) -> bytes:
    """The header that the worker writes, without the EtherType."""
    return (hop.macs % (1 << 64)).to_bytes(8, "little") + hop.macs_end.to_bytes(4, "little")


class AnyOrder(RuleBasedStateMachine):
    """Claims, releases and changes in any order, workers that look at records at any time, epochs that end late."""

    def __init__(self) -> None:
        super().__init__()
        self.hops = Hops(self._retire, capacity=8)
        self.waiting: list[tuple[int, object]] = []
        self.moment = 0
        self.seen: list[tuple[int, int, int, tuple[int, ...]]] = []  # when, index, kind, words
        self.claims: dict[int, list] = {}
        self.known: dict[tuple[int, int], int | None] = {}
        self.egress: dict[int, Egress | None] = {}
        for link in LINKS:
            self.port(link, Egress(0, 0x0A, 1500))

    def _retire(self, free) -> None:
        self.moment += 1
        self.waiting.append((self.moment, free))

    @rule(want=st.one_of(NEIGHBOURS, ENDS, GROUPS))
    def claim(self, want) -> None:
        used = len(self.hops)
        try:
            index = self.hops.claim(want)
        except TooManyHops:
            assert used + len(self.waiting) >= 4
            return
        assert all(index != other or claims[0] == want for other, claims in self.claims.items())
        self.claims.setdefault(index, []).append(want)

    @rule(chance=st.randoms(use_true_random=False))
    @precondition(lambda self: self.claims)
    def release(self, chance) -> None:
        index = chance.choice(sorted(self.claims))
        self.claims[index].pop()
        if not self.claims[index]:
            del self.claims[index]
        self.hops.release(index)

    @rule(link=st.sampled_from(LINKS), address=st.sampled_from(ADDRESSES), mac=MACS)
    def neighbour(self, link, address, mac) -> None:
        self.known[link, address] = mac
        self.hops.set_neighbour(link, 4, address, mac)

    @rule(link=st.sampled_from(LINKS), egress=EGRESSES)
    def port(self, link, egress) -> None:
        self.egress[link] = egress
        self.hops.set_link(link, egress)

    @rule()
    @precondition(lambda self: self.waiting)
    def epoch_ends(self) -> None:
        """All workers have passed the oldest retirement; what they looked at since then they still hold."""
        moment, free = self.waiting.pop(0)
        self.seen = [one for one in self.seen if one[0] > moment]
        free()

    @invariant()
    def nothing_changes_under_a_worker(self) -> None:
        """Then another worker looks at every record that some route leads to."""
        for _, index, kind, held in self.seen:
            record = self.hops.record(index)
            if kind == HopKind.FORWARD:
                assert (record.egress, record.mtu, record.macs, record.macs_end) == held
            elif kind == HopKind.GROUP:
                assert (record.kind, words(record)) == (kind, held)
        self.moment += 1
        for index in self.claims:
            record = self.hops.record(index)
            self.seen.append((self.moment, index, record.kind, words(record)))

    def teardown(self) -> None:
        while self.waiting:
            self.epoch_ends()
        for index, claims in self.claims.items():
            self._is_right(claims[0], self.hops.record(index))
        for index, claims in self.claims.items():
            for _ in claims:
                self.hops.release(index)
        while self.waiting:
            self.epoch_ends()
        assert len(self.hops) == 0
        assert sorted(self.hops.claim(End(kind)) for kind in list(HopKind)[1:8]) == list(range(1, 8))
        self.hops.close()

    def _is_right(self, want, record: Hop) -> None:
        """When everything has settled."""
        if isinstance(want, End):
            assert record.kind == want.kind
        elif isinstance(want, Several):
            members = [nth(Member, record.members, number) for number in range(record.egress)]
            assert [member.bound for member in members] == [bound for bound, _ in want.shares]
            for member, (_, part) in zip(members, want.shares, strict=True):
                self._is_right(part, self.hops.record(member.hop))
        else:
            egress, mac = self.egress.get(want.link), self.known.get((want.link, want.address))
            if egress is None or 4 in egress.punted:
                assert record.kind == HopKind.OTHER_LINK
            elif mac is None:
                assert record.kind == HopKind.UNRESOLVED
            else:
                assert record.kind == HopKind.FORWARD
                assert macs(record) == mac.to_bytes(6, "big") + egress.mac.to_bytes(6, "big")
                assert (record.egress, record.mtu) == (egress.port, want.mtu or egress.mtu)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_who_leads_to_one_neighbour_shares_its_record():
    hops = Hops(immediately, capacity=8)
    first, second = hops.claim(Via(3, 4, 1)), hops.claim(Via(3, 4, 1))
    assert first == second
    assert hops.claim(Via(3, 4, 1, mtu=900)) != first
    hops.release(first)
    assert hops.record(first).kind != HopKind.NO_ROUTE
    hops.release(second)
    assert hops.record(first).kind == HopKind.NO_ROUTE
    hops.close()


def test_no_route_is_no_record():
    hops = Hops(immediately, capacity=4)
    assert hops.claim(End(HopKind.NO_ROUTE)) == 0
    hops.release(0)
    assert len(hops) == 0
    hops.close()


def test_when_all_are_taken_the_next_is_refused_and_nothing_is_lost():
    hops = Hops(immediately, capacity=3)
    kept = [hops.claim(End(HopKind.LOCAL)), hops.claim(End(HopKind.BLACKHOLE))]
    with pytest.raises(TooManyHops, match="more than 2"):
        hops.claim(End(HopKind.PROHIBIT))
    hops.release(kept[0])
    assert hops.claim(End(HopKind.PROHIBIT)) == kept[0]
    hops.close()


def test_ipv6_is_sized_by_the_smaller_of_both_mtus():
    hops = Hops(immediately, capacity=4)
    hops.set_link(3, Egress(0, 1, mtu=1500, mtu6=1280))
    hops.set_neighbour(3, 6, 1, 5)
    assert hops.record(hops.claim(Via(3, 6, 1, route_family=6))).mtu == 1280
    hops.close()


def test_ipv4_goes_through_an_ipv6_neighbour():
    hops = Hops(immediately, capacity=4)
    hops.set_link(3, Egress(0, 1, mtu=1500, mtu6=1280))
    hops.set_neighbour(3, 6, 1, 5)
    record = hops.record(hops.claim(Via(3, 6, 1, route_family=4)))
    assert (record.kind, record.mtu) == (HopKind.FORWARD, 1500)
    hops.close()


def test_used_neighbours_are_those_that_a_worker_marked():
    hops = Hops(immediately, capacity=4)
    index = hops.claim(Via(3, 4, 1))
    assert hops.used(10 << WINDOW_BITS) == {}
    hops.record(index).used = 7
    assert hops.used(10 << WINDOW_BITS) == {(3, 4, 1): 3 << WINDOW_BITS}
    assert hops.used(7 << WINDOW_BITS) == {(3, 4, 1): 0}
    hops.close()
