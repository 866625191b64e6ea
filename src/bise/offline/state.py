"""The state of a router as a file: everything that decides a packet's way (docs/state.md explains every key).

Taken of a running Bise a page at a time (`instance/snapshot.py`); `read` makes a State of the file again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from bise.control.codec import NotSo, decoded, encoded, listed
from bise.control.gates.settings import Settings
from bise.control.objects import (
    Address,
    Destination,
    InterfaceSettings,
    Link,
    MirrorObject,
    Neighbour,
    NextHopObject,
    Prefix,
    Route,
    Rule,
)
from bise.control.still import StillNetwork
from bise.errors import BiseError
from bise.features.feature import PortFacts

FORMAT, VERSION = "bise-state", 1
# The lists of the file, and what they hold; `ways` and `routes` come besides.
TABLES: Mapping[str, type[Any]] = {
    "links": Link,
    "settings_of_links": InterfaceSettings,
    "addresses": Address,
    "neighbours": Neighbour,
    "next_hops": NextHopObject,
    "rules": Rule,
}


class StateError(BiseError):
    """The file is no state that this version can read."""

    exit_status = 2


@dataclass(frozen=True)
class UsersFile:
    """A file with nodes of the user's. `digest`: of its place and text, by which the machine that ran it knows it;
    `sha256`: of its text. `records`: what its nodes remembered, by class and field."""

    name: str
    path: str
    digest: str
    sha256: str
    records: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What decides. `gates`: as `bise status` tells them; their effect is in the ports' facts. `drawn`: numbers drawn
    by chance at the start. `complete`: not only what concerns a few addresses."""

    ports: tuple[PortFacts, ...] = ()
    settings: Settings = field(default_factory=Settings)
    objects: tuple[MirrorObject, ...] = ()
    drawn: Mapping[str, int] = field(default_factory=dict)
    bare: frozenset[int] = frozenset()
    gates: tuple[Mapping[str, Any], ...] = ()
    clean: bool = True
    complete: bool = True
    name: str = ""
    nodes: tuple[UsersFile, ...] = ()

    def network(self) -> StillNetwork:
        """Linux's objects, to be asked as the mirror is."""
        return StillNetwork(self.objects, self.bare)

    def port(self, name: str) -> PortFacts:
        """The port of that name. Raises StateError."""
        found = next((port for port in self.ports if port.name == name), None)
        if found is None:
            names = ", ".join(port.name for port in self.ports) or "none"
            raise StateError(f"no port {name!r} in this state; there are {names}")
        return found


class RouteWriter:
    """Routes in a line each: the prefix, the table and numbers of `ways`, which all routes share."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, Route], int] = {}
        self.ways: list[dict[str, Any]] = []

    def line(self, destination: Destination) -> list[Any]:
        """What stands in `routes` for a destination; new ways are appended to `ways`."""
        place = destination.prefix
        return [str(place), place.table, [self._number(place.family, route) for route in destination.routes]]

    def _number(self, family: int, route: Route) -> int:
        key = (family, route)
        if key not in self._numbers:
            self._numbers[key] = len(self.ways)
            self.ways.append(encoded(route, family))
        return self._numbers[key]


def head(
    ports: Iterable[PortFacts], settings: Settings, drawn: Mapping[str, int], bare: Iterable[int], **others: Any
) -> dict[str, Any]:
    """The part of the file that is small."""
    return {
        "format": FORMAT,
        "version": VERSION,
        **others,
        "ports": [encoded(port) for port in ports],
        "settings": encoded(settings),
        "drawn": dict(drawn),
        "bare": sorted(bare),
    }


def as_json(state: State) -> dict[str, Any]:
    """The whole file of a state that is at hand."""
    writer = RouteWriter()
    routes = [writer.line(one) for one in state.objects if isinstance(one, Destination)]
    tables = {name: [encoded(one) for one in state.objects if isinstance(one, kind)] for name, kind in TABLES.items()}
    others = {
        "name": state.name,
        "clean": state.clean,
        "complete": state.complete,
        "gates": list(state.gates),
        "nodes": [encoded(file) for file in state.nodes],
    }
    found = head(state.ports, state.settings, state.drawn, state.bare, **others)
    return {**found, **tables, "ways": writer.ways, "routes": routes}


def read(path: Path) -> State:
    """The state in a file. Raises StateError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise StateError(f"can't read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is no JSON: {error}") from None
    return from_json(found, str(path))


def from_json(found: Any, place: str = "state") -> State:
    """The state in what JSON says. Raises StateError."""
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise StateError(f"{place} is no state of Bise; `bise state > {place}` makes one")
    if found.get("version") != VERSION:
        raise StateError(f"{place} has version {found.get('version')!r}, this Bise reads {VERSION}; take it anew")
    try:
        return State(
            decoded(tuple[PortFacts, ...], found["ports"], "ports"),
            decoded(Settings, found["settings"], "settings"),
            (*_objects(found), *_destinations(found)),
            decoded(Mapping[str, int], found["drawn"], "drawn"),
            decoded(frozenset[int], found["bare"], "bare"),
            tuple(listed(found.get("gates", []), "gates")),
            bool(found.get("clean", True)),
            bool(found.get("complete", True)),
            str(found.get("name", "")),
            decoded(tuple[UsersFile, ...], found.get("nodes", []), "nodes"),
        )
    except NotSo as wrong:
        raise StateError(f"{place}: {wrong}") from None
    except KeyError as missing:
        raise StateError(f"{place} has no {missing.args[0]}") from None


def _objects(found: Mapping[str, Any]) -> list[MirrorObject]:
    lists = ((name, kind, listed(found[name], name)) for name, kind in TABLES.items())
    return [decoded(kind, one, f"{name}[{at}]") for name, kind, values in lists for at, one in enumerate(values)]


def _destinations(found: Mapping[str, Any]) -> list[Destination]:
    ways: Sequence[Route] = decoded(tuple[Route, ...], found["ways"], "ways")
    shared: dict[tuple[int, ...], tuple[Route, ...]] = {}
    made = []
    for number, line in enumerate(listed(found["routes"], "routes")):
        try:
            prefix, table, numbers = line
            net, key = ip_network(prefix), tuple(numbers)
            routes = shared.get(key) or shared.setdefault(key, tuple(ways[one] for one in key))
            made.append(Destination(Prefix(net.version, table, int(net.network_address), net.prefixlen), routes))
        except (ValueError, TypeError, IndexError):
            raise NotSo(f"routes[{number}]: {line!r} is no [prefix, table, [numbers of ways]]") from None
    return made
