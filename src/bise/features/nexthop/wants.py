"""What Linux would do with packets now, by its routes: a next hop, or the end of the way. Asked prefix by prefix.

IPv4's local and main tables are asked as one, as Linux does without policy rules.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

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
from bise.features.nexthop.fib import KERNEL
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


class Wants:
    """One family's routes, asked as Linux asks them."""

    def __init__(self, family: int, hops: Hops, network: Network) -> None:
        self.family, self.bits = family, 32 if family == 4 else 128
        self._hops, self._network = hops, network

    def candidates(self, prefix: int, length: int) -> Sequence[Route]:
        """The routes to exactly this prefix in the order in which Linux tries them: the local table's first."""
        routes = self._network.routes
        local = routes.get(Prefix(self.family, TABLE_LOCAL, prefix, length))
        main = routes.get(Prefix(self.family, TABLE_MAIN, prefix, length))
        return (*(local.routes if local else ()), *(main.routes if main else ()))

    def first(self, candidates: Sequence[Route], prefix: int, length: int) -> Want | None:
        """What the first of a prefix's routes wants that is alive; None: as if there were none."""
        for route in candidates:
            if route.tos or route.source_length or route.kind in (RouteKind.THROW, RouteKind.NAT, RouteKind.XRESOLVE):
                return KERNEL
            if route.kind is not RouteKind.UNICAST:
                return End(_ENDS.get(route.kind, HopKind.KERNEL))
            if self._is_alive(route):
                return self._want_unicast(route, prefix, length)
        return None

    def covering(self, address: int) -> Route | None:
        """The route of the longest prefix around an address that Linux would use now."""
        for length in range(self.bits - 1, -1, -1):
            prefix = address >> (self.bits - length) << (self.bits - length)
            for route in self.candidates(prefix, length):
                if self._is_alive(route):
                    return route
        return None

    def connected(self, address: int) -> Path | None:
        """The path, the only one alive, of the connected network that an address is in; None where another route leads
        there."""
        route = self.covering(address)
        if route is None or route.kind is not RouteKind.UNICAST or route.tos or route.source_length:
            return None
        paths = [path for path in self._network.paths(route) if self._usable(route, path)]
        return paths[0] if len(paths) == 1 and paths[0].via is None and paths[0].encapsulation is None else None

    def mtu(self, address: int) -> int:
        """That of the route around an address; 0 is the link's."""
        route = self.covering(address)
        return route.mtu if route is not None else 0

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
