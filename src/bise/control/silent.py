"""What Linux does to routes and next hops without announcing it, inferred from what it does announce.

IPv4 routes go silently with their links (net/ipv4/fib_semantics.c, fib_sync_down_dev), with addresses
(fib_sync_down_addr; the last address of a link takes all) and with their next-hop objects; next-hop objects go silently
with their links (net/ipv4/nexthop.c, nexthop_flush_dev). IPv6 routes are announced unless
`net.ipv6.route.skip_notify_on_dev_down` is set. Each inference marks the link as suspicious, so that somebody looks.

Looking through a million routes takes a second: that is left to the network as a chore, done in slices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bise.control.objects import (
    TABLE_MAIN,
    Address,
    Link,
    NextHopObject,
    Route,
)
from bise.control.route_tables import Routes

if TYPE_CHECKING:
    from bise.control.network import Network

_SCOPE_HOST = 254
_SLICE = 4096


def link_changed(network: Network, old: Link, new: Link) -> None:
    if new.up and not old.up:
        network.bare.discard(new.index)
    down = old.up and not new.up
    if down or (old.running and not new.running):
        _drop_next_hops_of(network, new.index)
    if down:
        _drop_routes(network, new.index, lambda route: _dead(network, route, new.index))
    if old.master != new.master and any(_is_vrf(network, master) for master in (old.master, new.master)):
        _drop_routes(network, new.index, lambda route: _uses(route, new.index))


def link_gone(network: Network, old: Link) -> None:
    index = old.index
    network.bare.discard(index)
    network.addresses.drop_all([key for key in network.addresses.values if key.link == index])
    network.neighbours.drop_all([key for key in network.neighbours.values if key.link == index])
    network.settings.drop_all([key for key in network.settings.values if key.link == index])
    _drop_next_hops_of(network, index)
    _drop_routes(network, index, lambda route: _uses(route, index))


def address_gone(network: Network, gone: Address) -> None:
    if gone.family != 4:
        return
    left = [address for address in network.addresses.values.values() if address.family == 4]
    if not any(address.link == gone.link for address in left):
        network.bare.add(gone.link)
        _drop_routes(network, gone.link, lambda route: _dead(network, route, gone.link, force=True))
    if not any(address.address == gone.address for address in left):
        table = _table_of(network, gone.link)
        _drop_routes(network, gone.link, lambda route: route.preferred_source == gone.address, table)


def next_hops_gone(network: Network, gone: set[int]) -> None:
    """The objects themselves are dropped already: groups lose them as members, routes go."""
    everything = set(gone)
    while gone:
        emptied = set()
        for group in [one for one in network.next_hops.values.values() if one.group]:
            left = tuple(member for member in group.group if member.id not in gone)
            if not left:
                emptied.add(group.id)
                network.next_hops.drop(group.id)
            elif left != group.group:
                network.next_hops.put(group.id, replace(group, group=left))
        network.inferred += len(emptied)
        everything |= emptied
        gone = emptied
    _drop(network, lambda route: route.next_hop_id in everything, families=(4, 6))


def _drop_next_hops_of(network: Network, link: int) -> None:
    gone = {one.id for one in network.next_hops.values.values() if _leads_to(one, link)}
    if gone:
        network.inferred += network.next_hops.drop_all(gone)
        network.suspicious.add(link)
        next_hops_gone(network, gone)


def _leads_to(next_hop: NextHopObject, link: int) -> bool:
    return next_hop.path is not None and next_hop.path.link == link


def _uses(route: Route, link: int) -> bool:
    return any(path.link == link for path in route.paths)


def _dead(network: Network, route: Route, link: int, *, force: bool = False) -> bool:
    """Whether a route goes with the link: it leads there, and nowhere else that is up; `force` takes local ones."""
    if not _uses(route, link) or (route.scope == _SCOPE_HOST and not force):
        return False
    links, bare = network.links.values, network.bare
    return not any(path.link in links and links[path.link].up and path.link not in bare for path in route.paths)


def _is_vrf(network: Network, link: int) -> bool:
    master = network.links.values.get(link)
    return master is not None and master.vrf_table is not None


def _table_of(network: Network, link: int) -> int:
    """The table that Linux looks in for what arrives on a link: its VRF's, or main."""
    links = network.links.values
    master = links.get(links[link].master) if link in links else None
    return TABLE_MAIN if master is None or master.vrf_table is None else master.vrf_table


def _drop_routes(network: Network, link: int, doomed: Callable[[Route], bool], table: int | None = None) -> None:
    """Drop IPv4 routes, and have somebody look at what became of the link's others."""
    network.suspicious.add(link)
    _drop(network, doomed, families=(4,), table=table)


def _drop(
    network: Network, doomed: Callable[[Route], bool], families: tuple[int, ...], table: int | None = None
) -> None:
    """Drop the doomed of all routes (of a table). They are judged at once: later the network is another."""
    known = network.known_routes()
    condemned = {route for route in known if doomed(route)}
    if condemned:
        network.chores.append(_search(network, condemned, families, table))


def _search(network: Network, condemned: set[Route], families: tuple[int, ...], table: int | None) -> Iterator[None]:
    spared: dict[int, tuple[Routes, Routes]] = {}  # by identity, which is quicker than by value: routes, what is left

    def left(routes: Routes) -> Routes:
        known = spared.get(id(routes))
        if known is None:
            kept = tuple(route for route in routes if route not in condemned)
            known = spared[id(routes)] = (routes, kept)
        return known[1]

    for (family, number), held in network.routes.tables():
        if family not in families or table not in (None, number):
            continue
        found = []
        for count, (prefix, routes) in enumerate(held.values.items(), 1):
            if len(left(routes)) < len(routes):
                found.append((prefix, routes))
            if count % _SLICE == 0:
                yield
        for count, (prefix, routes) in enumerate(found, 1):
            network.inferred += len(routes) - len(left(routes))
            held.set(prefix, left(routes) or None)
            if count % _SLICE == 0:
                yield
