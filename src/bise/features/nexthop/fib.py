"""How a forwarding table comes to say what is wanted: each prefix holds a claim on the next hop that it leads to.

One prefix at a time (`FibWriter.put`), or many at once that lead to few next hops (`Batch`); both end in the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bise.features.nexthop.control import End, Hops, TooManyHops, Want
from bise.features.nexthop.state import HopKind
from bise.tables.full import TableFull

KERNEL = End(HopKind.KERNEL)


class Fib(Protocol):
    """A prefix table whose keys are whole addresses."""

    def insert(self, prefix: int, length: int, value: int) -> None: ...
    def delete(self, prefix: int, length: int) -> None: ...
    def get(self, prefix: int, length: int) -> int: ...
    def load(self, prefixes: Sequence[int], lengths: Sequence[int], values: Sequence[int]) -> Iterable[int]: ...
    def unload(self, prefixes: Sequence[int], lengths: Sequence[int]) -> Iterable[int]: ...


class FibWriter:
    """One table, written as it is wanted. Used by the control thread alone."""

    def __init__(self, fib: Fib, hops: Hops) -> None:
        self.fib, self.hops = fib, hops
        self.unplaced: dict[tuple[int, int], str] = {}
        """Prefixes that there was no room for, and why."""

    def put(self, prefix: int, length: int, want: Want | None) -> None:
        """Makes the table say `want`; what there is no room for leads to Linux, by the shorter prefix or none."""
        before = self.fib.get(prefix, length)
        self.unplaced.pop((prefix, length), None)
        if want is None:
            if before:
                self.fib.delete(prefix, length)
                self.hops.release(before)
            return
        try:
            after = self.hops.claim(want)
        except TooManyHops as full:
            self.unplaced[prefix, length] = str(full)
            after = self.hops.claim(KERNEL)
        if after == before:
            self.hops.release(after)
            return
        try:
            self.fib.insert(prefix, length, after)
        except TableFull as full:
            self.unplaced[prefix, length] = str(full)
            self.hops.release(after)
            return
        if before:
            self.hops.release(before)


@dataclass(frozen=True, slots=True)
class Alike:
    """Prefixes of a batch that lead to the same next hop."""

    want: Want | None
    """None: they are no longer in the table."""
    index: int
    noted: Sequence[set[tuple[int, int]]] = field(default=())
    """Where each of these prefixes has to be noted."""


GONE = Alike(None, 0)


class Batch:
    """Many prefixes for few calls of the table. `write` ends it."""

    def __init__(self, writer: FibWriter) -> None:
        self._writer, self._fib, self._hops = writer, writer.fib, writer.hops
        self._alikes: list[Alike] = []

    def alike(self, want: Want, noted: Sequence[set[tuple[int, int]]]) -> Alike | None:
        """For prefixes that lead to `want`; None where there is no room for another next hop."""
        try:
            made = Alike(want, self._hops.claim(want), noted)
        except TooManyHops:
            return None
        self._alikes.append(made)
        return made

    def write(self, prefixes: Sequence[int], lengths: Sequence[int], alikes: Sequence[Alike]) -> None:
        """The table says this of these prefixes, of which none comes twice."""
        indices = [alike.index for alike in alikes]
        if self._writer.unplaced:
            for place in zip(prefixes, lengths, strict=True):
                self._writer.unplaced.pop(place, None)
        rows = list(zip(prefixes, lengths, indices, strict=True)) if 0 in indices else []
        if rows:
            gone = [row for row in rows if row[2] == 0]
            self._release(self._fib.unload([row[0] for row in gone], [row[1] for row in gone]))
            left = [row for row in rows if row[2]]
            prefixes, lengths, indices = ([row[column] for row in left] for column in range(3))
        for index, count in Counter(indices).items():
            self._hops.claim(self._hops.wanted(index), count)
        self._load(prefixes, lengths, indices)
        for alike in self._alikes:
            self._hops.release(alike.index)  # what has held it until here

    def _load(self, prefixes: Sequence[int], lengths: Sequence[int], indices: Sequence[int]) -> None:
        """Each index is claimed already."""
        if not indices:
            return
        done = len(indices)
        try:
            before = self._fib.load(prefixes, lengths, indices)
        except TableFull as full:
            done, before = full.done, full.before
        self._release(before)
        for row in range(done, len(indices)):  # others may fit yet, and each that doesn't says why
            self._writer.put(prefixes[row], lengths[row], self._hops.wanted(indices[row]))
            self._hops.release(indices[row])

    def _release(self, indices: Iterable[int]) -> None:
        """Nothing leads there any more, once for each time that it is named."""
        for index, count in Counter(map(int, indices)).items():
            self._hops.release(index, count)
