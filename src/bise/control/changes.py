"""What differs between two states of the network: added, changed, removed. Pure.

A change says what something was when its subscriber last heard of it, and what it is now; steps between are left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from bise.control.objects import MirrorObject

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


Change: TypeAlias = Added[MirrorObject] | Changed[MirrorObject] | Removed[MirrorObject]


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
        if old is value or old == value:
            return
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

    def drop_all(self, keys: Iterable[K]) -> int:
        count = 0
        for key in keys:
            self.drop(key)
            count += 1
        return count

    def take(self, most: int) -> Iterator[Added[V] | Changed[V] | Removed[V]]:
        """Up to `most` of the changes since they were last taken; `touched` is empty once all are."""
        for _ in range(min(most, len(self.touched))):
            key, old = self.touched.popitem()
            found = change(old, self.values.get(key))
            if found is not None:
                yield found
