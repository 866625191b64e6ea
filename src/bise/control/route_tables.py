"""All routes of a network, for full tables: of each routing table a dictionary from prefixes as numbers to routes.

A million routes share a few tuples of Route, so nothing is made for one but its number and its place in a dictionary.
Asked as a mapping it makes Prefix and Destination for the moment.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from bise.control.changes import Rerouted, Tracked
from bise.control.objects import Destination, Prefix, Route

Routes: TypeAlias = tuple[Route, ...]
TableKey: TypeAlias = tuple[int, int]
"""Family and number of a routing table."""


class RouteTables(Mapping[Prefix, Destination]):
    """The destinations by prefix. They are written table by table: `table` gives what is to be written to."""

    def __init__(self) -> None:
        self._tables: dict[TableKey, Tracked[int, Routes]] = {}

    def table(self, key: TableKey) -> Tracked[int, Routes]:
        """Routes by `Prefix.number`; made if there is none."""
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = Tracked()
        return found

    def tables(self) -> list[tuple[TableKey, Tracked[int, Routes]]]:
        """All of them."""
        return list(self._tables.items())

    def __getitem__(self, prefix: Prefix) -> Destination:
        routes = self._routes(prefix)
        if routes is None:
            raise KeyError(prefix)
        return Destination(prefix, routes)

    def get(self, prefix: Prefix, default: Any = None) -> Any:
        routes = self._routes(prefix)
        return default if routes is None else Destination(prefix, routes)

    def _routes(self, prefix: Prefix) -> Routes | None:
        family, table, destination, length = prefix
        held = self._tables.get((family, table))
        return None if held is None else held.values.get(destination << 8 | length)

    def __iter__(self) -> Iterator[Prefix]:
        for (family, table), held in self.tables():
            for number in held.values:
                yield prefix_of((family, table), number)

    def __len__(self) -> int:
        return self.count()

    def count(self, family: int | None = None) -> int:
        """How many destinations there are, of one family or of both."""
        return sum(len(held.values) for key, held in self.tables() if family in (None, key[0]))

    def page(self, family: int | None, start: int, most: int) -> list[Destination]:
        """Up to `most`, of one family or of both, but the first `start`."""
        found: list[Destination] = []
        for key, held in self.tables():
            if family not in (None, key[0]):
                continue
            rows = islice(held.values.items(), start, start + most - len(found))
            found += [_destination(key, number, routes) for number, routes in rows]
            start = max(0, start - len(held.values))
        return found

    def moment(self) -> Iterator[Destination]:
        """All as they are now, whatever changes while they are asked for."""
        copies = [(key, dict(held.values)) for key, held in self.tables()]
        return (_destination(key, number, routes) for key, held in copies for number, routes in held.items())

    def waiting(self) -> int:
        """How many may have changed since changes were last taken."""
        return sum(held.waiting() for held in self._tables.values())

    def take(self, most: int) -> Iterator[Rerouted]:
        """Up to `most` of the changes since they were last taken."""
        for key, held in self.tables():
            touched = held.take_touched(most)
            found = _rerouted(key, held, touched)
            if found is not None:
                yield found
            most -= len(touched)
            if most <= 0:
                return


def prefix_of(key: TableKey, number: int) -> Prefix:
    """The prefix with this `Prefix.number` in this table."""
    return Prefix(*key, number >> 8, number & 255)


def _destination(key: TableKey, number: int, routes: Routes) -> Destination:
    return Destination(prefix_of(key, number), routes)


def _rerouted(key: TableKey, held: Tracked[int, Routes], touched: list[tuple[int, Routes | None]]) -> Rerouted | None:
    get = held.values.get
    rows = [(number, before, get(number)) for number, before in touched]
    rows = [row for row in rows if row[1] != row[2]]
    if not rows:
        return None
    prefixes, before, after = zip(*rows, strict=True)
    return Rerouted(*key, prefixes, before, after)
