"""Where a route leads at the moment: through next-hop objects, over links that are up. Pure."""

from collections.abc import Mapping, Set
from dataclasses import replace

from bise.control.objects import InterfaceSettings, Link, NextHopObject, Path, Route, SettingsKey


def paths_of(route: Route, next_hops: Mapping[int, NextHopObject]) -> tuple[Path, ...]:
    """The paths of a route; of the object that it names, with the weights of its group. () where packets end."""
    if not route.next_hop_id:
        return route.paths
    named = next_hops.get(route.next_hop_id)
    if named is None:
        return ()
    if named.path is not None:
        return (named.path,)
    found = []
    for member in named.group:
        object_ = next_hops.get(member.id)
        if object_ is not None and object_.path is not None:
            found.append(replace(object_.path, weight=member.weight))
    return tuple(found)


def usable(
    path: Path,
    family: int,
    links: Mapping[int, Link],
    settings: Mapping[SettingsKey, InterfaceSettings],
    bare: Set[int],
) -> bool:
    """Whether Linux would send a packet of `family` this way: up, and with a carrier where its settings ask for one.

    Linux tells the same as RTNH_F_DEAD and RTNH_F_LINKDOWN in dumps, and announces neither. `bare` are the links that
    lost their last IPv4 address."""
    link = links.get(path.link)
    if link is None or not link.up or (family == 4 and path.link in bare):
        return False
    if link.running:
        return True
    keys = [SettingsKey(family, path.link)]
    if family == 4:  # IPv6 has no such switch for all links (net/ipv6/route.c, ip6_ignore_linkdown)
        keys.append(SettingsKey(4, -1))
    return not any(key in settings and settings[key].ignore_routes_with_linkdown for key in keys)
