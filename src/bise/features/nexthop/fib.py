"""How a forwarding table comes to say what is wanted: each prefix holds a claim on the next hop that it leads to.

One prefix at a time (`FibWriter.put`), or many at once that lead to few next hops (`Batch`); both end in the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
    def load(self, prefixes: Sequence[int], lengths: Sequence[int], values: Sequence[int]) -> None: ...


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


@dataclass(slots=True)
class Alike:
    """Prefixes of a batch that lead to the same next hop; `count` are not in the table yet."""

    want: Want
    index: int
    noted: Sequence[set[tuple[int, int]]]
    """Where each of these prefixes has to be noted."""
    count: int = 0


class Batch:
    """Prefixes for one call of the table's `load`. Each may be added once, and goes in when the batch ends."""

    def __init__(self, writer: FibWriter) -> None:
        self._writer, self._fib, self._hops = writer, writer.fib, writer.hops
        self._prefixes: list[int] = []
        self._lengths: list[int] = []
        self._values: list[int] = []
        self._before: list[int] = []  # what the table says until the end; 0 is nothing
        self._alikes: list[Alike] = []

    def alike(self, want: Want, noted: Sequence[set[tuple[int, int]]]) -> Alike | None:
        """For prefixes that lead to `want`; None where there is no room for another next hop."""
        try:
            made = Alike(want, self._hops.claim(want), noted)
        except TooManyHops:
            return None
        self._alikes.append(made)
        return made

    def add(self, prefix: int, length: int, alike: Alike) -> None:
        if self._writer.unplaced:
            self._writer.unplaced.pop((prefix, length), None)
        before = self._fib.get(prefix, length)
        if before == alike.index:
            return
        self._prefixes.append(prefix)
        self._lengths.append(length)
        self._values.append(alike.index)
        self._before.append(before)
        alike.count += 1

    def end(self) -> None:
        """Everything goes into the table."""
        for alike in self._alikes:
            self._hops.claim(alike.want, alike.count)
            self._hops.release(alike.index)  # what has held it until here
        done = len(self._prefixes)
        try:
            if done:
                self._fib.load(self._prefixes, self._lengths, self._values)
        except TableFull as full:
            done = full.done
        for index in self._before[:done]:
            self._hops.release(index)
        for row in range(done, len(self._prefixes)):  # others may fit yet, and each that doesn't says why
            self._writer.put(self._prefixes[row], self._lengths[row], self._hops.wanted(self._values[row]))
            self._hops.release(self._values[row])
