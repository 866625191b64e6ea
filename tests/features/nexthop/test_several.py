"""Routes with several paths: which of them get a share, what is left to Linux, and why."""

from dataclasses import dataclass, field, replace

import pytest

from bise.control.gates.settings import Multipath
from bise.control.objects import (
    TABLE_MAIN,
    Destination,
    GroupMember,
    Link,
    LinkLayer,
    NextHopObject,
    Path,
    Prefix,
    Resilience,
    Route,
    RouteKind,
)
from bise.control.paths import paths_of
from bise.features.nexthop.control import End, Hops, Several, Via, shares
from bise.features.nexthop.routes import Routes
from bise.features.nexthop.state import HopKind
from bise.tables.retire import immediately

PLACE = (77 << 24, 24)
UP = Link(0, "", LinkLayer.ETHERNET, "veth", 2, 1500, 0, up=True, running=True)
VIA = [Path(link, via=10 << 24 | link, via_family=4, weight=link) for link in (1, 2, 3)]
OBJECTS = {
    **{link: NextHopObject(link, 4, path=Path(link, via=10 << 24 | link, via_family=4)) for link in (1, 2, 3)},
    10: NextHopObject(10, 0, group=(GroupMember(1, 1), GroupMember(3, 300))),
    11: NextHopObject(11, 0, group=(GroupMember(1, 1), GroupMember(2, 1)), resilience=Resilience(32, 0, 0)),
    12: NextHopObject(12, 0, group=(GroupMember(2, 9),)),
}


class Fib(dict[tuple[int, int], int]):
    """A forwarding table without a look-up."""

    def insert(self, prefix: int, length: int, value: int) -> None:
        self[prefix, length] = value

    def delete(self, prefix: int, length: int) -> None:
        del self[prefix, length]

    def get(self, prefix: int, length: int) -> int:  # type: ignore[override]
        return super().get((prefix, length), 0)


@dataclass
class Linux:
    """What the mirror says; `down`: links whose paths are dead."""

    route: Route
    down: set[int] = field(default_factory=set)
    links: dict[int, Link] = field(default_factory=lambda: dict.fromkeys((1, 2, 3), UP))
    neighbours: dict[object, object] = field(default_factory=dict)
    next_hops = OBJECTS

    @property
    def routes(self) -> dict[Prefix, Destination]:
        place = Prefix(4, TABLE_MAIN, *PLACE)
        return {place: Destination(place, (self.route,))}

    def paths(self, route: Route) -> tuple[Path, ...]:
        return paths_of(route, self.next_hops)

    def usable(self, path: Path, family: int) -> bool:
        return path.link not in self.down


@pytest.fixture
def hops():
    made = Hops(immediately, capacity=64)
    made.set_multipath(4, Multipath(), secret=1)
    yield made
    made.close()


def routes_of(linux: Linux, hops: Hops) -> Routes:
    made = Routes(4, Fib(), hops, linux, ())
    made.set_destination(*PLACE)
    return made


def unicast(*paths: Path, next_hop_id: int = 0) -> Route:
    return Route(RouteKind.UNICAST, paths, next_hop_id=next_hop_id)


def parts(*weights: tuple[int, int]) -> tuple[tuple[int, Via | End], ...]:
    """Shares of (link, weight)."""
    return shares([(weight, Via(link, 4, 10 << 24 | link)) for link, weight in weights])


def test_dead_paths_have_no_share_and_the_others_share_theirs(hops):
    linux = Linux(unicast(*VIA))
    routes = routes_of(linux, hops)
    assert routes.want(*PLACE) == Several(parts((1, 1), (2, 2), (3, 3)))
    linux.down = {2}
    routes.link_changed(2)
    assert routes.want(*PLACE) == Several(parts((1, 1), (3, 3)))
    linux.down = {1, 2}
    assert routes.want(*PLACE) == Via(3, 4, 10 << 24 | 3)
    linux.down = {1, 2, 3}
    assert routes.want(*PLACE) is None


def test_a_group_of_next_hop_objects_has_its_own_weights_and_passes_over_the_lost(hops):
    assert routes_of(Linux(unicast(next_hop_id=10)), hops).want(*PLACE) == Several(
        parts((1, 1), (3, 300)), careful=True
    )
    assert routes_of(Linux(unicast(next_hop_id=12)), hops).want(*PLACE) == Via(2, 4, 10 << 24 | 2)


def test_a_next_hop_object_is_used_while_linux_keeps_it(hops):
    """Without an IPv4 address on the link, paths are dead, but not those of objects."""
    linux = Linux(unicast(next_hop_id=10), down={3})
    assert routes_of(linux, hops).want(*PLACE) == Several(parts((1, 1), (3, 300)), careful=True)
    linux.links[3] = replace(UP, up=False)
    assert routes_of(linux, hops).want(*PLACE) == Via(1, 4, 10 << 24 | 1)


def test_a_resilient_group_is_left_to_linux_and_says_so(hops):
    routes = routes_of(Linux(unicast(next_hop_id=11)), hops)
    assert routes.want(*PLACE) == End(HopKind.KERNEL)
    assert "resilient" in routes.why(*PLACE)


def test_paths_without_a_gateway_are_left_to_linux(hops):
    assert routes_of(Linux(unicast(VIA[0], Path(2))), hops).want(*PLACE) == End(HopKind.KERNEL)


def test_a_policy_that_only_linux_knows_is_the_reason_of_every_choice(hops):
    routes = routes_of(Linux(unicast(*VIA)), hops)
    before, _ = routes.shares()
    assert routes.why(*PLACE) == ""
    hops.set_multipath(4, Multipath(policy=9), secret=1)
    assert "fib_multipath_hash_policy is 9" in routes.why(*PLACE)
    assert routes.shares() == (before - 1, 1)
    hops.set_multipath(4, Multipath(policy=1), secret=1)
    assert routes.why(*PLACE) == ""
    assert routes.shares() == (before, 0)


def test_equal_choices_share_one_record(hops):
    routes = routes_of(Linux(unicast(*VIA)), hops)
    taken = len(hops)
    again = routes_of(Linux(unicast(*VIA)), hops)
    assert len(hops) == taken == 4
    assert again.want(*PLACE) == routes.want(*PLACE)
