"""How an announced change alters the routes at one prefix, and the order in which Linux tries them. Pure.

IPv4 (net/ipv4/fib_trie.c, fib_table_insert): routes stand by TOS, highest first, then by metric; several may have both
in common, and then order and NLM_F_REPLACE, NLM_F_APPEND count. IPv6 (net/ipv6/ip6_fib.c, fib6_add_rt2node): routes
stand by metric; those of one metric that have gateways are one route with several paths, of which an announcement
brings all and a deletion those deleted. Linux tells the MTU and the rest of the first path's only (`is_mixed`).

Applying the same announcement twice changes nothing the second time.
"""

from dataclasses import replace

from bise.control.netlink.message import APPEND, REPLACE
from bise.control.objects import Path, Route, RouteKind

_REDIRECT, _ADVERTISED = 1, 9  # RTPROT_REDIRECT, RTPROT_RA: never part of a multipath route

Routes = tuple[Route, ...]


def with_route(family: int, routes: Routes, one: tuple[Route], flags: int) -> Routes:
    """The routes at a prefix after RTM_NEWROUTE with these NLM_F_* flags. `one` is returned itself where it is all."""
    if not routes or routes is one:
        return one
    if len(routes) == 1 and flags & REPLACE and _rank(routes[0]) == _rank(one[0]) and not one[0].source_length:
        return one
    if family == 4:
        return _with_route_4(routes, one[0], flags)
    return _with_route_6(routes, one[0], flags)


def without_route(family: int, routes: Routes, route: Route) -> Routes:
    """The routes at a prefix after RTM_DELROUTE; the same ones if it isn't among them."""
    if len(routes) == 1 and routes[0] is route:
        return ()
    if family == 6 and _gathers(route):
        return _without_paths(routes, route)
    if route not in routes:
        return routes
    position = routes.index(route)
    return routes[:position] + routes[position + 1 :]


def _rank(route: Route) -> tuple[int, int]:
    return -route.tos, route.metric


def _with_route_4(routes: Routes, route: Route, flags: int) -> Routes:
    rank = _rank(route)
    first = next((i for i, present in enumerate(routes) if _rank(present) >= rank), len(routes))
    last = next((i for i, present in enumerate(routes) if _rank(present) > rank), len(routes))
    if route in routes[first:last]:
        return routes
    if first == last:
        return (*routes[:first], route, *routes[first:])
    if flags & REPLACE:
        return (*routes[:first], route, *routes[first + 1 :])
    place = last if flags & APPEND else first
    return (*routes[:place], route, *routes[place:])


def _gathers(route: Route) -> bool:
    """Whether Linux makes one IPv6 route of this and its like (rt6_qualify_for_ecmp)."""
    return (
        route.kind is RouteKind.UNICAST
        and not route.next_hop_id
        and route.protocol not in (_REDIRECT, _ADVERTISED)
        and bool(route.paths)
        and route.paths[0].via is not None
    )


def _same_place(present: Route, route: Route) -> bool:
    return (
        present.metric == route.metric
        and present.source_length == route.source_length
        and present.source == route.source
    )


def _with_route_6(routes: Routes, route: Route, flags: int) -> Routes:
    if route in routes:
        return routes
    alike = [i for i, present in enumerate(routes) if _same_place(present, route)]
    gathers = _gathers(route)
    matching = [i for i in alike if _gathers(routes[i]) == gathers]
    if flags & REPLACE and alike:
        position = (matching or alike)[0]
        return (*routes[:position], route, *routes[position + 1 :])
    if gathers and matching:
        position = matching[0]
        whole = replace(routes[position], paths=_in_old_order(routes[position].paths, route.paths))
        return (*routes[:position], whole, *routes[position + 1 :])
    place = next((i for i, present in enumerate(routes) if present.metric > route.metric), len(routes))
    return (*routes[:place], route, *routes[place:])


def is_mixed(routes: Routes, told: Route) -> bool:
    """Whether an announced IPv6 route joined one that says otherwise; Linux won't tell which holds for its paths."""
    if not _gathers(told):
        return False
    wanted = replace(told, paths=())
    return any(_same_place(one, told) and _gathers(one) and replace(one, paths=()) != wanted for one in routes)


def _in_old_order(old: tuple[Path, ...], new: tuple[Path, ...]) -> tuple[Path, ...]:
    """An announcement begins with the path that was added; Linux itself keeps it last."""
    places = {(path.link, path.via): place for place, path in enumerate(old)}
    return tuple(sorted(new, key=lambda path: places.get((path.link, path.via), len(places))))


def _without_paths(routes: Routes, route: Route) -> Routes:
    gone = {(path.link, path.via) for path in route.paths}  # a single one is announced without its weight
    for position, present in enumerate(routes):
        if not (_same_place(present, route) and _gathers(present)):
            continue
        left = tuple(path for path in present.paths if (path.link, path.via) not in gone)
        if len(left) == len(present.paths):
            continue
        if len(left) == 1:
            left = (replace(left[0], weight=1),)  # alone, Linux tells no weight
        rest = (replace(present, paths=left),) if left else ()
        return (*routes[:position], *rest, *routes[position + 1 :])
    return routes
