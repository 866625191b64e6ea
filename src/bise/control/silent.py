"""What Linux does to routes and next hops without announcing it, inferred from what it does announce.

IPv4 routes go silently with their links (net/ipv4/fib_semantics.c, fib_sync_down_dev), with addresses
(fib_sync_down_addr; the last address of a link takes all) and with their next-hop objects; next-hop objects go silently
with their links (net/ipv4/nexthop.c, nexthop_flush_dev). IPv6 routes are announced unless
`net.ipv6.route.skip_notify_on_dev_down` is set. Each inference marks the link as suspicious, so that somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from bise.control.objects import (
    TABLE_MAIN,
    Address,
    Destination,
    Link,
    NextHopObject,
    Prefix,
    Route,
)

if TYPE_CHECKING:
    from bise.control.network import Network

_SCOPE_HOST = 254


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
        _drop_routes_naming(network, gone)
        gone = emptied


def _drop_routes_naming(network: Network, next_hops: set[int]) -> None:
    _drop_matching(network, lambda route, _: route.next_hop_id in next_hops, families=(4, 6))


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
    _drop_matching(network, lambda route, prefix: table in (None, prefix.table) and doomed(route), families=(4,))


def _drop_matching(network: Network, doomed: Callable[[Route, Prefix], bool], families: Iterable[int]) -> None:
    """Drop routes. Among a million, few differ: each is judged once a table, and then known by its identity."""
    judged: dict[tuple[int, int, int], bool] = {}

    def goes(prefix: Prefix, route: Route) -> bool:
        key = (id(route), prefix.table, prefix.family)
        verdict = judged.get(key)
        if verdict is None:
            verdict = judged[key] = prefix.family in families and doomed(route, prefix)
        return verdict

    destinations = list(network.routes.values.values())
    for prefix, routes in ((one.prefix, one.routes) for one in destinations):
        if any(goes(prefix, route) for route in routes):
            left = tuple(route for route in routes if not goes(prefix, route))
            network.inferred += len(routes) - len(left)
            network.routes.set(prefix, Destination(prefix, left) if left else None)
