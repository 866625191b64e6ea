"""Tables beside what dumps show of them. Only what differs is kept: a million equal routes need little memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from bise.control.changes import Tracked
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.rows import Rows, messages_of
from bise.control.network import Network
from bise.control.route_tables import Routes, TableKey, prefix_of
from bise.control.subjects import Sort, Subject

K = TypeVar("K")
V = TypeVar("V")
_CHUNK = 20_000
_MOST_EXAMPLES = 4


@dataclass
class Doubts:
    """Where a dump is not to be believed. `missing_6`: IPv6 routes that it doesn't show stay. `announced_6`: IPv6
    prefixes, by table and number, that stay as they are."""

    missing_6: bool = False
    announced_6: set[tuple[TableKey, int]] = field(default_factory=set)
    met: bool = False
    """Whether something differed that stays for having been announced."""
    examples: list[str] = field(default_factory=list)
    """Some of what was wrong, in words."""

    def give_example(self, words: Callable[[], str]) -> None:
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(words())


class Comparison(Protocol):
    """All objects of a kind, compared."""

    def take(self, buffer: bytes, rows: Rows, subject: Subject) -> None:
        """A part of a dump."""

    def miss(self, subject: Subject) -> Iterator[None]:
        """What we hold and the whole dump didn't show. Works a little at each step."""

    def suspect(self) -> None:
        """What the dumps showed otherwise is to be settled. Announcements may then be applied to it."""

    def settle(self, doubts: Doubts) -> int:
        """Puts right what differs and isn't doubtful; how much of that was wrong. Examples are told to `doubts`."""


class Compared(Generic[K, V]):
    """A dictionary as we hold it (`live`), and where Linux says otherwise (`scratch`)."""

    def __init__(self, live: Tracked[K, V], scratch: Tracked[K, V]) -> None:
        self.live, self.scratch = live, scratch
        self.seen: set[K] = set()
        self._suspects: set[K] = set()

    def show(self, key: K, value: V) -> None:
        """Linux has this."""
        self.seen.add(key)
        if self.live.values.get(key) == value:
            self.scratch.values.pop(key, None)
        else:
            self.scratch.values[key] = value

    def miss(self, covers: Callable[[K], bool] | None = None) -> Iterator[None]:
        """As of Comparison, of the keys that are covered."""
        for chunk in _chunks(self.live.values):
            unseen = set(chunk) - self.seen
            self._suspects.update(unseen if covers is None else filter(covers, unseen))
            yield

    def suspect(self) -> None:
        """As of Comparison."""
        if self.live.values or self.live.touched:
            self._suspects.update(self.scratch.values)

    def fill(self) -> bool:
        """Takes all as Linux says; False where something is held already."""
        if self.live.values or self.live.touched:
            return False
        self.live.fill(self.scratch.values)
        return True

    def differences(self) -> Iterator[tuple[K, V | None, V | None]]:
        """What differs: the key, what we hold, what Linux has; None: nothing."""
        for key in self._suspects:
            ours, theirs = self.live.values.get(key), self.scratch.values.get(key)
            if ours != theirs:
                yield key, ours, theirs


class ObjectComparison:
    """Everything but routes."""

    def __init__(self, sort: Sort, live: Network, scratch: Network) -> None:
        self._sort = sort
        self._compared: Compared[Any, Any] = Compared(getattr(live, sort.table), getattr(scratch, sort.table))

    def take(self, buffer: bytes, rows: Rows, subject: Subject) -> None:
        decode = self._sort.decode
        assert decode is not None
        for message in messages_of(rows[rows["type"] == self._sort.answer]):
            value = decode(buffer, message.start, message.end)
            if value is None:
                continue
            key = self._sort.key(value)
            if subject.covers(key):
                self._compared.show(key, value)

    def miss(self, subject: Subject) -> Iterator[None]:
        return self._compared.miss(subject.covers)

    def suspect(self) -> None:
        self._compared.suspect()

    def settle(self, doubts: Doubts) -> int:
        compared, sort = self._compared, self._sort
        if compared.fill():
            return sum(sort.matters(None, value) for value in compared.scratch.values.values())
        wrong = 0
        for key, ours, theirs in compared.differences():
            if sort.matters(ours, theirs):
                wrong += 1
                doubts.give_example(partial(_difference, sort.table, key, ours, theirs))
            compared.live.set(key, theirs)
        return wrong


class RouteComparison:
    """Routes, table by table."""

    def __init__(self, reader: RouteReader, live: Network, scratch: Network) -> None:
        self._reader, self._live, self._scratch = reader, live.routes, scratch.routes
        self._compared: dict[TableKey, Compared[int, Routes]] = {}

    def _of(self, key: TableKey) -> Compared[int, Routes]:
        found = self._compared.get(key)
        if found is None:
            found = self._compared[key] = Compared(self._live.table(key), self._scratch.table(key))
        return found

    def take(self, buffer: bytes, rows: Rows, subject: Subject) -> None:
        numbers, likes = self._reader.routes_of(buffer, rows)
        keys = {one.key for one in {id(one): one for one in likes}.values() if one is not None}
        for key in keys:
            if len(keys) == 1 and None not in likes:
                _show_routes(self._of(key), numbers, [one.routes for one in likes if one is not None])
                continue
            chosen = [
                (number, one.routes) for number, one in zip(numbers, likes, strict=True) if one and one.key == key
            ]
            _show_routes(self._of(key), [number for number, _ in chosen], [routes for _, routes in chosen])

    def miss(self, subject: Subject) -> Iterator[None]:
        for key, _ in self._live.tables():
            if key[0] == subject.family:
                yield from self._of(key).miss()

    def suspect(self) -> None:
        for compared in self._compared.values():
            compared.suspect()

    def settle(self, doubts: Doubts) -> int:
        return sum(_settle_table(key, compared, doubts) for key, compared in self._compared.items())


def _settle_table(table: TableKey, compared: Compared[int, Routes], doubts: Doubts) -> int:
    if compared.fill():
        return len(compared.scratch.values)
    wrong = 0
    for prefix, ours, theirs in compared.differences():
        if (table, prefix) in doubts.announced_6:
            doubts.met = True
        elif theirs is not None or table[0] != 6 or not doubts.missing_6:
            wrong += 1
            doubts.give_example(partial(_difference, "routes", prefix_of(table, prefix), ours, theirs))
            compared.live.set(prefix, theirs)
    return wrong


def _difference(table: str, key: object, ours: object, theirs: object) -> str:
    return f"{table}, {key}: held {ours}, Linux has {theirs}"


def _show_routes(compared: Compared[int, Routes], prefixes: Sequence[int], routes: Sequence[Routes]) -> None:
    """Linux has these, one after the other: several may be to one prefix."""
    told = set(prefixes)
    if len(told) < len(prefixes) or not compared.seen.isdisjoint(told):
        for prefix, one in zip(prefixes, routes, strict=True):
            _show_route(compared, prefix, one)
        return
    compared.seen |= told
    present = list(map(compared.live.values.get, prefixes))
    if present == routes:
        return
    rows = zip(prefixes, present, routes, strict=True)
    compared.scratch.values.update({prefix: theirs for prefix, ours, theirs in rows if ours != theirs})


def _show_route(compared: Compared[int, Routes], prefix: int, routes: Routes) -> None:
    """Source-specific routes come apart from the others to a prefix, and a dump may begin anew (IPv6)."""
    if prefix in compared.seen:
        earlier = compared.scratch.values.get(prefix) or compared.live.values.get(prefix, ())
        routes = earlier + tuple(route for route in routes if route not in earlier)
    compared.show(prefix, routes)


def _chunks(values: Mapping[K, Any]) -> Iterator[list[K]]:
    """The keys of a dictionary that may change between two chunks; then they are copied, which takes its time."""
    keys = iter(values)
    try:
        while chunk := list(islice(keys, _CHUNK)):
            yield chunk
    except RuntimeError:
        copied = list(values)
        for start in range(0, len(copied), _CHUNK):
            yield copied[start : start + _CHUNK]
