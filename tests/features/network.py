"""A network in place of the mirror: dictionaries that a test fills, told to features as the mirror tells them."""

from collections.abc import Sequence
from ipaddress import ip_network

from bise.control.changes import Change, change, rerouted
from bise.control.objects import (
    TABLE_MAIN,
    Address,
    Destination,
    InterfaceSettings,
    Link,
    LinkLayer,
    MirrorObject,
    Neighbour,
    NeighbourKey,
    NeighbourState,
    NextHopObject,
    Prefix,
    Route,
    SettingsKey,
)
from bise.control.view import NetworkView


class Network(NetworkView):
    """What is asked of the mirror, and `set`, which tells what has changed."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.routes: dict[Prefix, Destination] = {}
        self.neighbours: dict[NeighbourKey, Neighbour] = {}
        self.next_hops: dict[int, NextHopObject] = {}
        self.settings: dict[SettingsKey, InterfaceSettings] = {}
        self.addresses: dict[object, Address] = {}
        self.bare = frozenset()

    def set(self, subject: MirrorObject) -> list[Change]:
        """It is there, as it is now; a Destination without routes is gone."""
        gone = isinstance(subject, Destination) and not subject.routes
        return self._put(subject, None if gone else subject)

    def drop(self, subject: MirrorObject) -> list[Change]:
        """It is gone."""
        return self._put(subject, None)

    def _put(self, subject: MirrorObject, new: MirrorObject | None) -> list[Change]:
        table, key = self._place(subject)
        before = table.get(key)
        if new is None:
            table.pop(key, None)
        else:
            table[key] = new
        if before == new:
            return []
        if isinstance(subject, Destination):
            return list(rerouted([(before, new)]))
        return [found for found in [change(before, new)] if found is not None]

    def _place(self, subject: MirrorObject) -> tuple[dict, object]:
        match subject:
            case Link():
                return self.links, subject.index
            case Neighbour():
                return self.neighbours, subject.key
            case NextHopObject():
                return self.next_hops, subject.id
            case Address():
                return self.addresses, subject.key
            case Destination():
                return self.routes, subject.prefix
        raise TypeError(subject)


def link(index: int, up: bool = True, running: bool = True, mtu: int = 1500) -> Link:
    """An Ethernet interface."""
    mac = 0x02_00_00_00_00_00 | index
    return Link(index, f"port{index}", LinkLayer.ETHERNET, "veth", mac, mtu, 0, up, running)


def destination(prefix: str, routes: Sequence[Route], table: int = TABLE_MAIN) -> Destination:
    """Routes to 10.0.0.0/8 or 2001:db8::/32."""
    network = ip_network(prefix)
    place = Prefix(network.version, table, int(network.network_address), network.prefixlen)
    return Destination(place, tuple(routes))


def neighbour(
    index: int, family: int, address: int, mac: int | None, state: NeighbourState = NeighbourState.REACHABLE
) -> Neighbour:
    """One that answers, unless its state says otherwise."""
    return Neighbour(index, family, address, mac, state, 0)
