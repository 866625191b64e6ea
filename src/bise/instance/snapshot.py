"""What `bise state` is told: the state of an instance at one moment, a page at a time.

Linux's objects never change, they are replaced: to hold one moment's is to hold a list of them. So the first page costs
a copy of that list, and each page no more than its own lines.
"""

import itertools
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from bise.control import messages
from bise.control.codec import encoded
from bise.control.mirror import Mirror
from bise.control.objects import TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN, Destination, MirrorObject, Prefix
from bise.errors import BiseError
from bise.offline.state import TABLES, RouteWriter, head

if TYPE_CHECKING:
    from bise.instance.instance import Instance

_PAGE = 2000  # objects: about 10 ms of the control thread
_HELD = 4  # moments at a time
_PATIENCE_NS = 60_000_000_000

Address = tuple[int, int]  # family, address


@dataclass
class _Moment:
    """What is left to be told of one moment."""

    lines: Iterator[tuple[str, Any]]
    writer: RouteWriter
    asked_ns: int
    told: int = 0  # ways told so far


class Snapshots:
    """The moments that are being told."""

    def __init__(self, instance: "Instance") -> None:
        self._of = instance
        self._moments: dict[int, _Moment] = {}
        self._numbers = itertools.count(1)

    def page(self, arguments: Mapping[str, Any]) -> messages.StatePage:
        """The next page of the moment `after`; of a new one, if there is none. `addresses`: only what bears on packets
        between these."""
        now = time.monotonic_ns()
        first: dict[str, Any] = {}
        number = arguments.get("after")
        if number is None:
            addresses = [_address(text) for text in arguments.get("addresses", ())]
            number, first = self._begin(addresses, now)
        moment = self._moments.get(int(number))
        if moment is None:
            raise BiseError("this state was asked for too long ago; ask for it anew")
        moment.asked_ns = now
        found: dict[str, list[Any]] = {}
        for name, line in itertools.islice(moment.lines, _PAGE):
            found.setdefault(name, []).append(line)
        more = sum(map(len, found.values())) == _PAGE
        if not more:
            del self._moments[int(number)]
        ways, moment.told = moment.writer.ways[moment.told :], len(moment.writer.ways)
        return {"head": first, "lists": {"ways": ways, **found}, "next": number if more else None}

    def _make_room(self, now: int) -> None:
        """Forgets what nobody asked on for, and of the others the one that waited longest."""
        for number, one in sorted(self._moments.items(), key=lambda item: item[1].asked_ns):
            if now - one.asked_ns > _PATIENCE_NS or len(self._moments) >= _HELD:
                del self._moments[number]

    def _begin(self, addresses: Collection[Address], now: int) -> tuple[int, dict[str, Any]]:
        self._make_room(now)
        of, writer = self._of, RouteWriter()
        objects = list(concerning(of.mirror, addresses)) if addresses else everything(of.mirror)
        number = next(self._numbers)
        self._moments[number] = _Moment(_lines(objects, writer), writer, now)
        kinds = {spec.name: spec.kind for spec in of.wanted.ports}
        told = head(
            of.facts.values(),
            of.settings,
            of.drawn,
            of.mirror.bare,
            bise=of.version,
            name=of.wanted.name,
            taken=datetime.now(UTC).isoformat(timespec="milliseconds"),
            clean=of.mirror.clean,
            complete=not addresses,
            kinds={name: kinds.get(name, "") for name in of.facts},
            gates=[messages.gate_message(gate) for gate in of.standing.all_gates],
            nodes=[encoded(file) for file in of.user_nodes.told()],
        )
        return number, told


def _address(text: str) -> Address:
    try:
        found = ip_address(text)
    except ValueError:
        raise BiseError(f"{text!r} is no address") from None
    return found.version, int(found)


def everything(mirror: Mirror) -> Iterator[MirrorObject]:
    """All that the mirror holds now, parents before children."""
    tables: tuple[Mapping[Any, MirrorObject], ...] = (
        mirror.links,
        mirror.settings,
        mirror.addresses,
        mirror.neighbours,
        mirror.next_hops,
        mirror.rules,
    )
    few = [one for table in tables for one in table.values()]
    return itertools.chain(few, mirror.routes.moment())


def concerning(mirror: Mirror, addresses: Collection[Address]) -> Iterator[MirrorObject]:
    """What bears on packets between these addresses: of the routes, those whose prefixes hold one; of the neighbours,
    these and the routes' gateways."""
    routes = [one for address in addresses for one in _covering(mirror, *address)]
    paths = (path for one in routes for route in one.routes for path in mirror.paths(route))
    wanted = {(path.via_family, path.via) for path in paths} | set(addresses)
    neighbours = (one for one in mirror.neighbours.values() if (one.family, one.address) in wanted)
    tables: tuple[Iterable[MirrorObject], ...] = (
        mirror.links.values(),
        mirror.settings.values(),
        mirror.addresses.values(),
        neighbours,
        mirror.next_hops.values(),
        mirror.rules.values(),
        dict.fromkeys(routes),
    )
    return itertools.chain.from_iterable(tables)


def _covering(mirror: Mirror, family: int, address: int) -> Iterator[Destination]:
    bits = 32 if family == 4 else 128
    for table in (TABLE_LOCAL, TABLE_MAIN, TABLE_DEFAULT):
        for length in range(bits + 1):
            prefix = Prefix(family, table, address >> (bits - length) << (bits - length), length)
            found = mirror.routes.get(prefix)
            if found is not None:
                yield found


_NAMES = {kind: name for name, kind in TABLES.items()}


def _lines(objects: Iterable[MirrorObject], writer: RouteWriter) -> Iterator[tuple[str, Any]]:
    """Each object, with the list that it belongs to."""
    for one in objects:
        if isinstance(one, Destination):
            yield "routes", writer.line(one)
        else:
            yield _NAMES[type(one)], encoded(one)
