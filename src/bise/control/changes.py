"""What differs between two states of the network: added, changed, removed. Pure.

A change says what something was when its subscriber last heard of it, and what it is now; steps between are left out.
Routes change by the hundred thousand: those of one table are told in columns (`Rerouted`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from bise.control.objects import Destination, MirrorObject, Prefix, Route

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Added(Generic[T]):
    new: T


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    old: T
    new: T


@dataclass(frozen=True, slots=True)
class Removed(Generic[T]):
    old: T


Single: TypeAlias = Added[MirrorObject] | Changed[MirrorObject] | Removed[MirrorObject]


@dataclass(frozen=True, slots=True)
class Rerouted:
    """The routes of prefixes in one table have changed: a row each in columns of one size.

    `prefixes` are numbers (`Prefix.number`), none twice. `before` and `after`: all routes to the prefix in the order in
    which Linux tries them, None where there are none."""

    family: int
    table: int
    prefixes: Sequence[int]
    before: Sequence[tuple[Route, ...] | None]
    after: Sequence[tuple[Route, ...] | None]

    def singles(self) -> Iterator[Added[Destination] | Changed[Destination] | Removed[Destination]]:
        """The same, prefix by prefix."""
        for number, before, after in zip(self.prefixes, self.before, self.after, strict=True):
            prefix = Prefix(self.family, self.table, number >> 8, number & 255)
            old = None if before is None else Destination(prefix, before)
            found = change(old, None if after is None else Destination(prefix, after))
            if found is not None:
                yield found


Change: TypeAlias = Single | Rerouted


def rerouted(changed: Iterable[tuple[Destination | None, Destination | None]]) -> Iterator[Rerouted]:
    """What was and is at some prefixes, table by table."""
    tables: dict[tuple[int, int], list[tuple[int, tuple[Route, ...] | None, tuple[Route, ...] | None]]] = {}
    for old, new in changed:
        one = old or new
        if one is not None:
            before, after = (None if side is None else side.routes for side in (old, new))
            tables.setdefault((one.prefix.family, one.prefix.table), []).append((one.prefix.number, before, after))
    for key, rows in tables.items():
        yield Rerouted(*key, *zip(*rows, strict=True))


def subjects(changes: Iterable[Change]) -> Iterator[tuple[MirrorObject, bool]]:
    """What has changed, routes aside, as it is now, or as it was and False where it is gone."""
    for one in changes:
        if isinstance(one, Removed):
            yield one.old, False
        elif not isinstance(one, Rerouted):
            yield one.new, True


def change(old: V | None, new: V | None) -> Added[V] | Changed[V] | Removed[V] | None:
    """The change from one value to another, None meaning absence; None if there is none."""
    if old is None:
        return None if new is None else Added(new)
    if new is None:
        return Removed(old)
    return None if old is new or old == new else Changed(old, new)


def changes(before: Mapping[K, V], after: Mapping[K, V]) -> Iterator[Added[V] | Changed[V] | Removed[V]]:
    """What turns one dictionary of objects into another: removals first."""
    for key, old in before.items():
        if key not in after:
            yield Removed(old)
    for key, new in after.items():
        found = change(before.get(key), new)
        if found is not None:
            yield found


class Tracked(Generic[K, V]):
    """A dictionary that remembers what it said when its changes were last taken."""

    __slots__ = ("touched", "values")

    def __init__(self) -> None:
        self.values: dict[K, V] = {}
        self.touched: dict[K, V | None] = {}

    def put(self, key: K, value: V) -> None:
        old = self.values.get(key)
        if old is value:
            return  # equal ones are left out when changes are taken: most differ, and routes compare slowly
        self.touched.setdefault(key, old)
        self.values[key] = value

    def drop(self, key: K) -> None:
        old = self.values.pop(key, None)
        if old is not None:
            self.touched.setdefault(key, old)

    def set(self, key: K, value: V | None) -> None:
        if value is None:
            self.drop(key)
        else:
            self.put(key, value)

    def fill(self, values: Mapping[K, V]) -> None:
        """Put them all in at once; only where there was nothing."""
        self.values.update(values)
        self.touched.update(dict.fromkeys(values))

    def waiting(self) -> int:
        """How many may have changed since changes were last taken."""
        return len(self.touched)

    def drop_all(self, keys: Iterable[K]) -> int:
        count = 0
        for key in keys:
            self.drop(key)
            count += 1
        return count

    def take(self, most: int) -> Iterator[Added[V] | Changed[V] | Removed[V]]:
        """Up to `most` of the changes since they were last taken; `touched` is empty once all are."""
        for key, old in self.take_touched(most):
            found = change(old, self.values.get(key))
            if found is not None:
                yield found

    def take_touched(self, most: int) -> list[tuple[K, V | None]]:
        """Up to `most` of those touched since they were last taken, with what they were then."""
        pop = self.touched.popitem
        return [pop() for _ in range(min(most, len(self.touched)))]
