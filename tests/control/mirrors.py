"""Mirrors for tests: in a namespace with two veth links, compared with what Linux says when it is asked anew."""

import json
import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

from bise.bench.namespaces import Namespace, Namespaces
from bise.control.changes import Change, Rerouted, Single
from bise.control.mirror import Mirror
from bise.control.objects import Neighbour, NeighbourState, Path

TABLES = ("links", "addresses", "neighbours", "next_hops", "routes", "rules", "settings")
QUIET = ("accept_dad", "accept_ra", "dad_transmits", "router_solicitations")
WIRING = (
    "link set lo up",
    "link add name left type veth peer name left0",
    "link add name right type veth peer name right0",
    *(f"link set {name} up" for name in ("left", "left0", "right", "right0")),
    "address add 10.0.1.1/24 dev left",
    "address add 10.0.2.1/24 dev right",
    "address add 2001:db8:1::1/64 dev left nodad",
    "address add 2001:db8:2::1/64 dev right nodad",
)


@contextmanager
def wired(role: str) -> Iterator[Namespace]:
    """A namespace with the links left (10.0.1.1, 2001:db8:1::1) and right (the same with a 2), both up."""
    with Namespaces(role, purpose="bisemirror") as (namespace,):
        namespace.sysctl(dict.fromkeys((f"net/ipv6/conf/default/{name}" for name in QUIET), 0))
        namespace.ip(*WIRING)
        yield namespace


def mirror_in(namespace: Namespace, **options: float) -> Mirror:
    """A mirror of the namespace, loaded."""
    with namespace.inside():
        mirror = Mirror(**options)
    mirror.load()
    return mirror


def each(changes: Iterable[Change]) -> list[Single]:
    """Changes object by object, those of routes, too."""
    found = (one.singles() if isinstance(one, Rerouted) else [one] for one in changes)
    return list(chain.from_iterable(found))


def differences(mirror: Mirror, namespace: Namespace) -> list[str]:
    """What the mirror says otherwise than a dump of this moment. Linux takes up to a second to announce some of it."""
    while True:
        mirror.catch_up()
        found = _differences(mirror, mirror_in(namespace))
        if not found or not select.select([mirror], [], [], 1.5)[0]:
            return found


def _differences(mirror: Mirror, fresh: Mirror) -> list[str]:
    found = []
    for table in TABLES:
        ours, theirs = (_comparable(getattr(one, table)) for one in (mirror, fresh))
        found += [
            f"{table} {key}:\n  ours   {ours.get(key)}\n  theirs {theirs.get(key)}"
            for key in {**ours, **theirs}
            if ours.get(key) != theirs.get(key)
        ]
    return found


def _comparable(table):
    """Without what Linux doesn't announce: a neighbour's steps between usable states, and those never resolved."""
    return {
        key: (value.mac if isinstance(value, Neighbour) else value)
        for key, value in table.items()
        if not isinstance(value, Neighbour) or (value.valid and value.state is not NeighbourState.NOARP)
    }


def misjudged_paths(mirror: Mirror, namespace: Namespace) -> list[str]:
    """Paths of routes with several that Linux calls dead and the mirror usable, or the other way round.

    Linux marks the paths, the mirror asks the link: on one without IPv4 addresses it calls more of them dead."""
    names = {link.name: link.index for link in mirror.links.values()}
    addressed = {(address.link, address.family) for address in mirror.addresses.values()}
    found = []
    for family in (4, 6):
        printed = namespace.run("ip", "-j", f"-{family}", "route", "show", "table", "all")
        for route in json.loads(printed):
            for hop in () if "nhid" in route else route.get("nexthops", ()):
                link = names[hop["dev"]]
                dead, usable = "dead" in hop["flags"], mirror.usable(Path(link), family)
                if (dead and usable) or (not dead and not usable and (link, family) in addressed):
                    found.append(f"{route['dst']} by {hop['dev']}: Linux {hop['flags']}, usable {usable}")
    return found
