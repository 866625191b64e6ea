"""From Linux's routes and neighbours to a forwarding table: for each prefix the next hop that Linux would take now.

IPv4 and IPv6 differ in their tables and in `fixed`, prefixes that are Linux's whatever its routes say. A neighbour on
a connected network stands in the table like a route to its own address; the network's prefix itself leads to Linux,
which finds out who answers there.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from bise.control.changes import Added, Change, Removed
from bise.control.objects import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Destination,
    Link,
    Neighbour,
    NeighbourKey,
    NextHopObject,
    Path,
    Prefix,
    Route,
    RouteKind,
)
from bise.features.nexthop.control import End, Hops, Several, Via, Want, shares
from bise.features.nexthop.fib import KERNEL, Alike, Batch, Fib, FibWriter
from bise.features.nexthop.state import HopKind

_ENDS = {
    RouteKind.LOCAL: HopKind.LOCAL,
    RouteKind.ANYCAST: HopKind.LOCAL,
    RouteKind.BROADCAST: HopKind.BROADCAST,
    RouteKind.MULTICAST: HopKind.BROADCAST,
    RouteKind.BLACKHOLE: HopKind.BLACKHOLE,
    RouteKind.UNREACHABLE: HopKind.UNREACHABLE,
    RouteKind.PROHIBIT: HopKind.PROHIBIT,
}
_UNRESOLVED = End(HopKind.UNRESOLVED)


class Network(Protocol):
    """What is asked of the mirror."""

    @property
    def links(self) -> Mapping[int, Link]: ...
    @property
    def routes(self) -> Mapping[Prefix, Destination]: ...
    @property
    def neighbours(self) -> Mapping[NeighbourKey, Neighbour]: ...
    @property
    def next_hops(self) -> Mapping[int, NextHopObject]: ...
    def paths(self, route: Route) -> tuple[Path, ...]: ...
    def usable(self, path: Path, family: int) -> bool: ...


class Routes:
    """One family's forwarding table, kept as Linux's routes and neighbours ask. Used by the control thread alone."""

    def __init__(self, family: int, fib: Fib, hops: Hops, network: Network, fixed: Iterable[tuple[int, int]]) -> None:
        self.family, self.bits = family, 32 if family == 4 else 128
        self._fib, self._hops, self._network = fib, hops, network
        self._writer = FibWriter(fib, hops)
        self._put = self._writer.put
        self.unplaced = self._writer.unplaced
        self._fixed = frozenset(fixed)
        self._hosts: list[int] = []  # addresses of valid neighbours, sorted
        self._links_of: dict[int, set[int]] = {}  # links where an address is a valid neighbour
        self._placed: set[int] = set()  # neighbours that stand in the table
        self._plural: dict[int, set[tuple[int, int]]] = {}  # by link: prefixes with several paths or routes
        self._by_object: dict[int, set[tuple[int, int]]] = {}  # prefixes by the next-hop object that they name
        self._on_link: dict[int, set[tuple[int, int]]] = {}  # by link: prefixes that lead to neighbours there
        self._shadows: set[tuple[int, int]] = set()  # IPv6 networks that were made local by hand
        self._count = 0
        self._left: set[tuple[int, int]] = set()  # prefixes that only Linux can follow
        self._several: set[tuple[int, int]] = set()  # prefixes that lead to one of several next hops
        for prefix, length in self._fixed:
            self._put(prefix, length, KERNEL)

    def follow(self, changes: Sequence[Change]) -> None:
        """What the mirror tells of routes, neighbours, links and next-hop objects."""
        waiting: dict[Prefix, bool] = {}  # prefixes whose routes have changed, and whether they have any
        for change in changes:
            subject = change.old if isinstance(change, Removed) else change.new
            if isinstance(subject, Destination):
                place = subject.prefix
                if place.family == self.family and place.table in (TABLE_LOCAL, TABLE_MAIN):
                    self._count += isinstance(change, Added) - isinstance(change, Removed)
                    waiting[place] = not isinstance(change, Removed)
                continue
            if waiting:
                self._set_changed(waiting)
                waiting = {}
            if isinstance(subject, Neighbour):
                if subject.family == self.family:
                    valid = subject.valid and not isinstance(change, Removed)
                    self.set_neighbour(subject.link, subject.address, valid)
            elif isinstance(subject, Link):
                self.link_changed(subject.index)
            elif isinstance(subject, NextHopObject):
                self.object_changed(subject.id)

        self._set_changed(waiting)

    def _set_changed(self, places: Mapping[Prefix, bool]) -> None:
        self.set_destinations(places)
        if self.family == 6:
            for place, present in places.items():
                self._note_shadow(place, present)

    def set_destinations(self, places: Iterable[Prefix]) -> None:
        """The routes to these prefixes have changed: as `set_destination` for each, in few calls of the table."""
        batch, single = Batch(self._writer), []
        alikes: dict[int, Alike | None] = {}  # by the identity of routes, which stay in the network meanwhile
        for place in places:
            prefix, length = place.destination, place.length
            routes = self._only_route(place)
            alike = None
            if routes is not None and not self._is_fixed(prefix, length):
                if id(routes) not in alikes:
                    alikes[id(routes)] = self._alike(routes, batch)
                alike = alikes[id(routes)]
            if alike is None:
                single.append((prefix, length))
            else:
                self._add(prefix, length, alike, batch)
        batch.end()
        for prefix, length in single:
            self.set_destination(prefix, length)

    def _add(self, prefix: int, length: int, alike: Alike, batch: Batch) -> None:
        if alike.noted or self._left or self._several:
            self._note_want(prefix, length, alike.want)
            for noted in alike.noted:
                noted.add((prefix, length))
        if length == self.bits:
            self._placed.discard(prefix)
        batch.add(prefix, length, alike)
        self._place_hosts(prefix, length)

    def _only_route(self, place: Prefix) -> tuple[Route, ...] | None:
        """The route to a prefix that has one, in one of the two tables, as the tuple that all its like share."""
        routes = self._network.routes
        found = routes.get(place)
        other = TABLE_MAIN if place.table == TABLE_LOCAL else TABLE_LOCAL
        if found is None or len(found.routes) > 1 or self._shadows:
            return None
        return None if Prefix(self.family, other, place.destination, place.length) in routes else found.routes

    def _alike(self, routes: tuple[Route, ...], batch: Batch) -> Alike | None:
        """What all prefixes with these routes share; None where what they lead to depends on the prefix."""
        if any(path.via is None for route in routes for path in self._network.paths(route)):
            return None
        want = self._first_want(routes, 0, 0)
        if want is None:
            return None
        return batch.alike(want, [*self._notes(routes), *([self._left] if _is_foreign(want) else [])])

    def set_destination(self, prefix: int, length: int) -> None:
        """The routes to a prefix have changed, in whichever table."""
        if self._is_fixed(prefix, length):
            return
        want = self.want(prefix, length)
        self._note_want(prefix, length, want)
        if length == self.bits and want is None:
            self._place_host(prefix)
            return
        if length == self.bits:
            self._placed.discard(prefix)
        self._put(prefix, length, want)
        self._place_hosts(prefix, length)

    def _note_want(self, prefix: int, length: int, want: Want | None) -> None:
        """Keeps which prefixes Linux has to follow, and which lead to one of several."""
        (self._left.add if _is_foreign(want) else self._left.discard)((prefix, length))
        (self._several.add if isinstance(want, Several) else self._several.discard)((prefix, length))

    def _place_hosts(self, prefix: int, length: int) -> None:
        """Looks again at the neighbours in a prefix."""
        low, last = bisect_left(self._hosts, prefix), prefix | ((1 << (self.bits - length)) - 1)
        if low < len(self._hosts) and self._hosts[low] <= last:
            for address in self._hosts[low : bisect_right(self._hosts, last, low)]:
                self._place_host(address)

    def _note_shadow(self, place: Prefix, present: bool) -> None:
        """IPv6 asks the local table first: a network made local by hand hides longer prefixes of the main one.

        (IPv4's two tables are one as long as there are no policy rules, and with such rules a gate stands.)
        """
        shadow = (place.destination, place.length)
        if self.family == 4 or place.table != TABLE_LOCAL or place.length == self.bits or self._is_fixed(*shadow):
            return
        (self._shadows.add if present else self._shadows.discard)(shadow)
        for other in list(self._network.routes):
            if other.family == 6 and other.table == TABLE_MAIN and _holds(shadow, other.destination, other.length, 128):
                self.set_destination(other.destination, other.length)

    def set_neighbour(self, link: int, address: int, valid: bool) -> None:
        """A neighbour became valid, or is so no longer."""
        links = self._links_of.setdefault(address, set())
        if valid and not links:
            insort(self._hosts, address)
        (links.add if valid else links.discard)(link)
        if not links:
            del self._links_of[address]
            place = bisect_left(self._hosts, address)
            if place < len(self._hosts) and self._hosts[place] == address:
                del self._hosts[place]
        self._place_host(address)

    def link_changed(self, link: int) -> None:
        """A link went up or down: routes with a choice may take another path."""
        for prefix, length in list(self._plural.get(link, ())):
            self.set_destination(prefix, length)

    def object_changed(self, number: int) -> None:
        """A next-hop object is another now: so are the routes that name it, or a group that it is in."""
        groups = [one.id for one in self._network.next_hops.values() if any(m.id == number for m in one.group)]
        for name in (number, *groups):
            for prefix, length in list(self._by_object.get(name, ())):
                self.set_destination(prefix, length)

    def links_differ(self, link: int) -> None:
        """A link became a port, or is one no longer: what leads to neighbours there is looked at again.

        Where a gateway stands between, its next hop says whether its link is a port."""
        for prefix, length in list(self._on_link.get(link, ())):
            self.set_destination(prefix, length)

    def shares(self) -> tuple[int, int]:
        """How many of Linux's prefixes are followed natively, and how many are left to Linux."""
        chosen = self._several if self._hops.why_linux_chooses[self.family] else set()
        left = len(self._left | chosen | self.unplaced.keys())
        return self._count - left, left

    def why(self, prefix: int, length: int) -> str:
        """Why a prefix is left to Linux; empty where it is not."""
        if (prefix, length) in self.unplaced:
            return self.unplaced[prefix, length]
        if (prefix, length) in self._several and self._hops.why_linux_chooses[self.family]:
            return f"one of several next hops: {self._hops.why_linux_chooses[self.family]}"
        if (prefix, length) not in self._left:
            return ""
        want = self.want(prefix, length)
        if isinstance(want, End) and want.kind is HopKind.OTHER_LINK:
            return "leaves by an interface that is no port"
        return "of a kind that only Linux follows (type of service, source, encapsulation, resilient group …)"

    def deciding(self, address: int) -> tuple[int, int, int] | None:
        """The longest prefix in the table that holds an address, its length, and the index of its next hop."""
        for length in range(self.bits, -1, -1):
            prefix = address >> (self.bits - length) << (self.bits - length)
            index = self._fib.get(prefix, length)
            if index:
                return prefix, length, index
        return None

    def is_host(self, prefix: int, length: int) -> bool:
        """Whether it is a neighbour's own address that stands in the table, and no route of Linux's."""
        return length == self.bits and prefix in self._placed

    def _is_fixed(self, prefix: int, length: int) -> bool:
        """Within what is Linux's anyway."""
        for top, shorter in self._fixed:  # noqa: SIM110 (no generator a route)
            if length >= shorter and (prefix ^ top) >> (self.bits - shorter) == 0:
                return True
        return False

    def _place_host(self, address: int) -> None:
        """A neighbour stands in the table where the longest prefix around it is its own connected network."""
        if self._is_fixed(address, self.bits) or self.want(address, self.bits) is not None:
            self._placed.discard(address)
            return
        hidden = any(_holds(shadow, address, self.bits, self.bits) for shadow in self._shadows)
        path = None if hidden else self._connected(address)
        if path is not None and path.link in self._links_of.get(address, ()):
            self._placed.add(address)
            self._put(address, self.bits, Via(path.link, self.family, address, self._mtu(address), self.family))
        elif address in self._placed or self._fib.get(address, self.bits):
            self._placed.discard(address)
            self._put(address, self.bits, None)

    def _covering(self, address: int) -> Route | None:
        """The route of the longest prefix around an address that Linux would use now."""
        for length in range(self.bits - 1, -1, -1):
            prefix = address >> (self.bits - length) << (self.bits - length)
            for route in self._candidates(prefix, length):
                if self._is_alive(route):
                    return route
        return None

    def _connected(self, address: int) -> Path | None:
        """The path of the connected network that an address is in; None where another route leads there."""
        route = self._covering(address)
        if route is None or route.kind is not RouteKind.UNICAST or route.tos or route.source_length:
            return None
        paths = self._network.paths(route)
        return paths[0] if len(paths) == 1 and paths[0].via is None and paths[0].encapsulation is None else None

    def _mtu(self, address: int) -> int:
        route = self._covering(address)
        return route.mtu if route is not None else 0

    def _candidates(self, prefix: int, length: int) -> Sequence[Route]:
        """The routes to exactly this prefix in the order in which Linux tries them: the local table's first."""
        routes = self._network.routes
        local = routes.get(Prefix(self.family, TABLE_LOCAL, prefix, length))
        main = routes.get(Prefix(self.family, TABLE_MAIN, prefix, length))
        return (*(local.routes if local else ()), *(main.routes if main else ()))

    def _is_alive(self, route: Route) -> bool:
        """Linux passes over a unicast route all of whose paths are dead."""
        if route.kind is not RouteKind.UNICAST:
            return True
        paths = self._network.paths(route)
        return not paths or any(self._usable(route, path) for path in paths)

    def _usable(self, route: Route, path: Path) -> bool:
        """Whether Linux would send a packet this way. A next-hop object is used while it is there: it goes with its
        link."""
        if not route.next_hop_id:
            return self._network.usable(path, self.family)
        link = self._network.links.get(path.link)
        return link is not None and link.up

    def want(self, prefix: int, length: int) -> Want | None:
        """Where packets go that match this prefix best; None: as if it were not there."""
        candidates = self._candidates(prefix, length)
        if candidates and any(_holds(shadow, prefix, length, self.bits) for shadow in self._shadows):
            return End(HopKind.LOCAL)
        for noted in self._notes(candidates):
            noted.add((prefix, length))
        return self._first_want(candidates, prefix, length)

    def _first_want(self, candidates: Sequence[Route], prefix: int, length: int) -> Want | None:
        for route in candidates:
            if route.tos or route.source_length or route.kind in (RouteKind.THROW, RouteKind.NAT, RouteKind.XRESOLVE):
                return KERNEL
            if route.kind is not RouteKind.UNICAST:
                return End(_ENDS.get(route.kind, HopKind.KERNEL))
            if self._is_alive(route):
                return self._want_unicast(route, prefix, length)
        return None

    def _notes(self, candidates: Sequence[Route]) -> Iterator[set[tuple[int, int]]]:
        """Where a prefix has to be noted that has these routes, because of what they depend on."""
        paths = [path for route in candidates for path in self._network.paths(route)]
        for path in paths:
            if len(paths) > 1 or len(candidates) > 1:
                yield self._plural.setdefault(path.link, set())
            if path.via is None:
                yield self._on_link.setdefault(path.link, set())
        for route in candidates:
            if route.next_hop_id:
                yield self._by_object.setdefault(route.next_hop_id, set())

    def _want_unicast(self, route: Route, prefix: int, length: int) -> Want:
        named = self._network.next_hops.get(route.next_hop_id)
        if named is not None and named.blackhole:
            return End(HopKind.BLACKHOLE)
        paths = [path for path in self._network.paths(route) if self._usable(route, path)]
        if not paths or (named is not None and named.resilience is not None):
            return KERNEL
        if any(path.encapsulation is not None for path in paths):
            return KERNEL
        if len(paths) == 1:
            return self._want_path(paths[0], route, prefix, length)
        if any(path.via is None for path in paths):
            return KERNEL
        parts = [(path.weight, self._want_path(path, route, prefix, length)) for path in paths]
        return Several(shares(parts), careful=named is not None)

    def _want_path(self, path: Path, route: Route, prefix: int, length: int) -> Via | End:
        if path.via is not None:
            return Via(path.link, path.via_family or self.family, path.via, route.mtu, self.family)
        if length == self.bits:
            return Via(path.link, self.family, prefix, route.mtu, self.family)
        return _UNRESOLVED if self._hops.is_port(path.link) else End(HopKind.OTHER_LINK)


def _holds(outer: tuple[int, int], prefix: int, length: int, bits: int) -> bool:
    """Whether one prefix is the other's or holds it; addresses of `bits` bits."""
    top, shorter = outer
    return length >= shorter and (prefix ^ top) >> (bits - shorter) == 0


def _is_foreign(want: Want | None) -> bool:
    """Whether Linux has to forward what leads here."""
    parts = [part for _, part in want.shares] if isinstance(want, Several) else [want]
    return any(isinstance(part, End) and part.kind in (HopKind.KERNEL, HopKind.OTHER_LINK) for part in parts)
