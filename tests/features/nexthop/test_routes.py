"""The forwarding table against asking Linux's routes one by one: routes, neighbours, links and ports that come and go.

The twin looks up an address in what a stand-in for the mirror holds; what the table says is read from its records.
"""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bise.control.changes import Change
from bise.control.objects import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Destination,
    GroupMember,
    NeighbourState,
    NextHopObject,
    Path,
    Prefix,
    Route,
    RouteKind,
)
from bise.features.feature import PortFacts, Surroundings
from bise.features.nexthop.control import Control, Hops
from bise.features.nexthop.routes import Routes
from bise.features.nexthop.state import Hop, HopKind, Member
from bise.hot import nth
from tests.features.network import Network, link, neighbour
from tests.tables.naive import Prefixes, cut
from tests.tables.waiting import Waiting

LINKS = (1, 2, 3)
OBJECTS = (50, 51, 52)
KINDS = (RouteKind.LOCAL, RouteKind.BROADCAST, RouteKind.BLACKHOLE, RouteKind.UNREACHABLE, RouteKind.THROW)
ENDS = {
    RouteKind.LOCAL: HopKind.LOCAL,
    RouteKind.BROADCAST: HopKind.BROADCAST,
    RouteKind.BLACKHOLE: HopKind.BLACKHOLE,
    RouteKind.UNREACHABLE: HopKind.UNREACHABLE,
    RouteKind.THROW: HopKind.KERNEL,
}
TOP = {4: 10 << 24, 6: 0x20010DB8 << 96}
BITS = {4: 32, 6: 128}
FIXED = ((127 << 24, 8),)
Answer = tuple[object, ...]


class Fib(Prefixes):
    """The table as a dictionary; what isn't there can't be deleted."""

    def insert(self, prefix: int, length: int, value: int) -> None:
        assert value
        self.rules[prefix, length] = value

    def load(self, prefixes: Sequence[int], lengths: Sequence[int], values: Sequence[int]) -> list[int]:
        before = [self.get(*place) for place in zip(prefixes, lengths, strict=True)]
        for prefix, length, value in zip(prefixes, lengths, values, strict=True):
            self.insert(prefix, length, value)
        return before

    def unload(self, prefixes: Sequence[int], lengths: Sequence[int]) -> list[int]:
        return [self.rules.pop(place, 0) for place in zip(prefixes, lengths, strict=True)]

    def delete(self, prefix: int, length: int) -> None:
        del self.rules[prefix, length]

    def get(self, prefix: int, length: int) -> int:
        return self.rules.get((prefix, length), 0)


class Router:
    """What the daemon does with the mirror's changes, for one family."""

    def __init__(self, family: int, network: Network | None = None) -> None:
        self.family, self.network, self.retired = family, network or Network(), Waiting()
        surroundings = Surroundings(self.network, self.retired, 8)
        self.control = Control(surroundings)
        self.hops = surroundings.find(Hops)
        self.fib = Fib(BITS[family])
        self.routes = Routes(family, self.fib, self.hops, self.network, FIXED if family == 4 else ())
        self.ports: set[int] = set()

    def tell(self, changes: list[Change]) -> None:
        self.control.follow(changes)
        self.routes.follow(changes)

    def set_port(self, index: int, is_port: bool) -> None:
        facts = PortFacts(index, f"port{index}", index, 0x02_00_00_00_00_00 | index, 1500, 1400)
        if is_port and index not in self.ports:
            self.ports.add(index)
            self.control.set_port(facts)
            self.routes.links_differ(index)
        elif not is_port and index in self.ports:
            self.ports.discard(index)
            self.control.drop_port(facts)
            self.routes.links_differ(index)

    def set_link(self, index: int, up: bool) -> list[Change]:
        """With what Linux does unsaid: routes that have no other path go with their link."""
        found = self.network.set(link(index, up))
        if up:
            return found
        for destination in list(self.network.routes.values()):
            kept = tuple(route for route in destination.routes if self._survives(route, index))
            if kept != destination.routes:
                found += self.network.set(Destination(destination.prefix, kept))
        return found

    def _survives(self, route: Route, index: int) -> bool:
        paths = self.network.paths(route)
        return not paths or any(self.network.usable(path, self.family) for path in paths)

    def answer(self, address: int) -> Answer:
        """What the table says of an address."""
        return self._record(self.hops.record(self.fib.look_up(address)))

    def _record(self, record: Hop) -> Answer:
        if record.kind == HopKind.FORWARD:
            macs = (record.macs % (1 << 64)).to_bytes(8, "little") + record.macs_end.to_bytes(4, "little")
            return HopKind.FORWARD, record.egress, record.mtu, macs
        if record.kind == HopKind.GROUP:
            members = [nth(Member, record.members, number) for number in range(record.egress)]
            parts = tuple((member.bound, self._record(self.hops.record(member.hop))) for member in members)
            return HopKind.GROUP, parts, bool(record.lost)
        return (HopKind(record.kind),)

    def asked(self, address: int) -> Answer:
        """What Linux would do with a packet to it now, as the fast path may know."""
        if self.family == 4 and address >> 24 == 127:
            return (HopKind.KERNEL,)
        for destination in sorted(self.network.routes.values(), key=self._rank):
            place = destination.prefix
            if cut(address, place.length, BITS[self.family]) == place.destination:
                for route in destination.routes:
                    answer = self._asked_route(route, address)
                    if answer is not None:
                        return answer
        return (HopKind.NO_ROUTE,)

    def _rank(self, destination: Destination) -> tuple[int, int]:
        """Longest first. IPv4's tables are one, the local table's routes before equal ones; IPv6 asks that first."""
        table, length = destination.prefix.table, destination.prefix.length
        return (-length, -table) if self.family == 4 else (-table, -length)

    def _asked_route(self, route: Route, address: int) -> Answer | None:
        if route.tos:
            return (HopKind.KERNEL,)
        if route.kind is not RouteKind.UNICAST:
            return (ENDS[route.kind],)
        named = self.network.next_hops.get(route.next_hop_id)
        if named is not None and named.blackhole:
            return (HopKind.BLACKHOLE,)
        all_paths = self.network.paths(route)
        paths = [path for path in all_paths if self.network.usable(path, self.family)]
        if not all_paths:
            return (HopKind.KERNEL,)
        if not paths:
            return None
        if len(paths) == 1:
            return self._asked_path(paths[0], route, address)
        if any(path.via is None for path in paths):
            return (HopKind.KERNEL,)
        total, summed, parts = sum(path.weight for path in paths), 0, []
        for path in paths:
            summed += path.weight
            bound = (summed * 2**31 + total // 2) // total - 1
            parts.append((bound, self._asked_path(path, route, address)))
        return HopKind.GROUP, tuple(parts), named is not None

    def _asked_path(self, path: Path, route: Route, address: int) -> Answer:
        if path.link not in self.ports:
            return (HopKind.OTHER_LINK,)
        target = address if path.via is None else path.via
        known = self.network.neighbours.get((path.link, self.family, target))
        if known is None or not known.valid:
            return (HopKind.UNRESOLVED,)
        macs = known.mac.to_bytes(6, "big") + (0x02_00_00_00_00_00 | path.link).to_bytes(6, "big")
        return HopKind.FORWARD, path.link, route.mtu or (1500 if self.family == 4 else 1400), macs


def _places(family: int) -> st.SearchStrategy[tuple[int, int]]:
    """Few prefixes, nested in each other."""
    bits = BITS[family]
    low = st.sampled_from((0, 1, 2, 3, 4, 7, 8, 200, 256, 257, 300))
    length = st.sampled_from((0, 8, bits - 12, bits - 8, bits - 7, bits - 2, bits - 1, bits, bits))
    inside = st.builds(lambda offset, length: (cut(TOP[family] + offset, length, bits), length), low, length)
    return inside if family == 6 else st.one_of(inside, inside, st.just((127 << 24, 16)))


def _addresses(family: int) -> st.SearchStrategy[int]:
    return st.sampled_from([TOP[family] + low for low in (0, 1, 2, 3, 4, 7, 8, 200, 256, 257)])


def _paths(family: int) -> st.SearchStrategy[Path]:
    gateways = st.one_of(st.none(), _addresses(family))
    return st.builds(
        lambda index, via, weight: Path(index, via, family if via is not None else 0, weight),
        st.sampled_from(LINKS), gateways, st.integers(1, 3),
    )  # fmt: skip


def _routes(family: int) -> st.SearchStrategy[Route]:
    ends = st.builds(Route, st.sampled_from(KINDS), metric=st.integers(0, 1))
    single = st.builds(
        lambda path, metric, mtu, tos: Route(RouteKind.UNICAST, (path,), metric, tos, mtu=mtu),
        _paths(family), st.integers(0, 1), st.sampled_from((0, 0, 1300)), st.sampled_from((0, 0, 0, 8)),
    )  # fmt: skip
    several = st.lists(_paths(family), min_size=2, max_size=3).map(lambda paths: Route(RouteKind.UNICAST, tuple(paths)))
    named = st.sampled_from(OBJECTS).map(lambda number: Route(RouteKind.UNICAST, next_hop_id=number))
    return st.one_of(single, single, several, ends, named)


def _objects(family: int) -> st.SearchStrategy[NextHopObject]:
    simple = st.builds(
        lambda number, path, hole: NextHopObject(number, family, None if hole else path, blackhole=hole),
        st.sampled_from(OBJECTS[:2]), _paths(family), st.booleans(),
    )  # fmt: skip
    group = st.lists(st.builds(GroupMember, st.sampled_from(OBJECTS[:2]), st.integers(1, 3)), min_size=1, max_size=2)
    return st.one_of(simple, group.map(lambda members: NextHopObject(OBJECTS[2], 0, group=tuple(members))))


def _steps(family: int) -> st.SearchStrategy[list[tuple[object, ...]]]:
    routes = st.lists(_routes(family), max_size=2).map(tuple)
    place = st.tuples(st.just("route"), _places(family), st.sampled_from((TABLE_MAIN, TABLE_MAIN, TABLE_LOCAL)), routes)
    macs = st.sampled_from((None, 0xAA, 0xBB))
    near = st.tuples(st.just("neighbour"), st.sampled_from(LINKS), _addresses(family), macs)
    links = st.tuples(st.just("link"), st.sampled_from(LINKS), st.booleans())
    ports = st.tuples(st.just("port"), st.sampled_from(LINKS), st.booleans())
    objects = st.tuples(st.just("object"), _objects(family))
    epochs = st.just(("epoch",))
    return st.lists(st.one_of(place, place, near, near, links, ports, objects, epochs), max_size=40)


def _apply(router: Router, step: tuple[object, ...]) -> None:
    network = router.network
    match step:
        case ("route", (prefix, length), table, routes):
            place = Prefix(router.family, table, prefix, length)
            # Linux takes no route over a link that is down, nor one to an object that it doesn't know.
            kept = tuple(route for route in routes if _is_taken(router, route))
            if router.family == 6 and table == TABLE_LOCAL:
                kept = kept and (Route(RouteKind.LOCAL),)
            router.tell(network.set(Destination(place, kept)))
        case ("neighbour", index, address, mac):
            state = NeighbourState.FAILED if mac is None else NeighbourState.REACHABLE
            router.tell(network.set(neighbour(index, router.family, address, mac, state)))
        case ("link", index, up):
            router.tell(router.set_link(index, up))
        case ("port", index, is_port):
            router.set_port(index, is_port)
        case ("object", subject):
            if all(member.id in network.next_hops for member in subject.group):
                router.tell(network.set(subject))
        case ("epoch",):
            router.retired.pass_on(1)


def _is_taken(router: Router, route: Route) -> bool:
    if route.next_hop_id and route.next_hop_id not in router.network.next_hops:
        return False
    return router._survives(route, 0)


def _settle(router: Router) -> None:
    while router.retired.callbacks:
        router.retired.pass_on()


def _probes(family: int) -> list[int]:
    edges = {TOP[family] + low + more for low in (0, 1, 4, 8, 200, 256, 300) for more in (-1, 0, 1)}
    return sorted(edges | {TOP[family] + low for low in (2, 3, 7, 5000)} | {1 << 20, 127 << 24 | 5})


@pytest.mark.parametrize("family", [4, 6])
@given(data=st.data())
@settings(max_examples=60)
def test_every_address_leads_where_linux_would_send_it(family, data):
    router = Router(family)
    for index in LINKS:
        router.tell(router.network.set(link(index)))
        router.set_port(index, index != 3)
    for step in data.draw(_steps(family)):
        _apply(router, step)
        if data.draw(st.integers(0, 3)) == 0:
            _settle(router)
            assert not _wrong(router)
    _settle(router)
    assert not _wrong(router)
    _take_all_away(router)
    router.control.close()


def test_a_network_reached_by_two_links_is_that_of_the_one_that_is_up():
    router = Router(6)
    both = Route(RouteKind.UNICAST, (Path(2), Path(3)))
    steps = [("link", 3, False), ("neighbour", 2, TOP[6], 0xAA), ("route", (TOP[6], 116), TABLE_MAIN, (both,))]
    for index in LINKS:
        router.tell(router.network.set(link(index)))
        router.set_port(index, True)
    for step in steps:
        _apply(router, step)
    assert router.answer(TOP[6])[0] == HopKind.FORWARD
    _apply(router, ("link", 3, True))
    assert router.answer(TOP[6]) == (HopKind.KERNEL,)
    router.control.close()


def _wrong(router: Router) -> dict[str, tuple[object, object]]:
    """By address that leads elsewhere than Linux would send it: where, and where to."""
    found = {hex(one): (router.answer(one), router.asked(one)) for one in _probes(router.family)}
    return {address: both for address, both in found.items() if both[0] != both[1]}


def _take_all_away(router: Router) -> None:
    """Then no record is left but that of what is always Linux's."""
    for destination in list(router.network.routes.values()):
        router.tell(router.network.drop(destination))
    for known in list(router.network.neighbours.values()):
        router.tell(router.network.drop(known))
    _settle(router)
    assert not _wrong(router)
    assert set(router.fib.rules) == (set(FIXED) if router.family == 4 else set())
    assert len(router.hops) == (1 if router.family == 4 else 0)
    assert router.routes.shares() == (0, 0)
