"""A network that stands still: what a mirror held at one moment, asked as the mirror is."""

from collections.abc import Iterable, Iterator

from bise.control.changes import Added, Change, rerouted
from bise.control.objects import (
    Address,
    AddressKey,
    Destination,
    InterfaceSettings,
    Link,
    MirrorObject,
    Neighbour,
    NeighbourKey,
    NextHopObject,
    Prefix,
    SettingsKey,
)
from bise.control.view import NetworkView


class StillNetwork(NetworkView):
    """What it is given, and nothing changes it but `fill`. `bare`: as in NetworkView."""

    def __init__(self, objects: Iterable[MirrorObject] = (), bare: Iterable[int] = ()) -> None:
        self.links: dict[int, Link] = {}
        self.addresses: dict[AddressKey, Address] = {}
        self.neighbours: dict[NeighbourKey, Neighbour] = {}
        self.next_hops: dict[int, NextHopObject] = {}
        self.routes: dict[Prefix, Destination] = {}
        self.settings: dict[SettingsKey, InterfaceSettings] = {}
        self.bare = frozenset(bare)
        self.fill(objects)

    def fill(self, objects: Iterable[MirrorObject]) -> None:
        """Puts more in it."""
        for one in objects:
            self._put(one)

    def _put(self, one: MirrorObject) -> None:
        match one:
            case Destination():
                self.routes[one.prefix] = one
            case Neighbour():
                self.neighbours[one.key] = one
            case Link():
                self.links[one.index] = one
            case Address():
                self.addresses[one.key] = one
            case NextHopObject():
                self.next_hops[one.id] = one
            case InterfaceSettings():
                self.settings[one.key] = one

    def added(self) -> Iterator[Change]:
        """All that it holds as the mirror tells of it, parents before children."""
        for table in (self.links, self.settings, self.addresses, self.neighbours, self.next_hops):
            for one in table.values():
                yield Added(one)
        yield from rerouted((None, one) for one in self.routes.values())
