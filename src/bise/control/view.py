"""What a network holds and what follows from it, asked alike whether Linux goes on changing it or it stands still."""

from collections.abc import Mapping, Set

from bise.control import paths
from bise.control.objects import (
    Address,
    AddressKey,
    Destination,
    InterfaceSettings,
    Link,
    Neighbour,
    NeighbourKey,
    NextHopObject,
    Path,
    Prefix,
    Route,
    SettingsKey,
)


class NetworkView:
    """Links, addresses, neighbours, next-hop objects, routes and settings, as dictionaries by identity."""

    links: Mapping[int, Link]
    settings: Mapping[SettingsKey, InterfaceSettings]
    addresses: Mapping[AddressKey, Address]
    neighbours: Mapping[NeighbourKey, Neighbour]
    next_hops: Mapping[int, NextHopObject]
    routes: Mapping[Prefix, Destination]
    bare: Set[int]
    """Links that lost their last IPv4 address: paths there are dead."""

    def paths(self, route: Route) -> tuple[Path, ...]:
        """Where a route leads, next-hop objects looked up."""
        return paths.paths_of(route, self.next_hops)

    def usable(self, path: Path, family: int) -> bool:
        """Whether Linux would send a packet of `family` this way, as its link stands."""
        return paths.usable(path, family, self.links, self.settings, self.bare)
