"""Records of a class, one a worker: memory that outlives a reload as long as the class's layout stays the same."""

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bise.hot import Header, Region

_LINE = 64
Write = Callable[[], None]


class Records:
    """A record of `kind` for each worker, on cache lines of its own; zero at first. Written by that worker alone, save
    what `differences` finds."""

    def __init__(self, kind: type[Header], workers: int) -> None:
        stride = max(1, -(-kind.size // _LINE)) * _LINE
        self.kind = kind
        self._region = Region(stride * workers, huge_pages=False)
        self.addresses = [self._region.address + stride * number for number in range(workers)]

    def under(self, kind: type[Header]) -> "Records":
        """The same memory for a class of the same layout."""
        found = object.__new__(Records)
        found.kind, found._region, found.addresses = kind, self._region, self.addresses
        return found

    def values(self, field: str) -> list[int]:
        """What a field says, by worker."""
        return [int(getattr(self.kind(address), field)) for address in self.addresses]

    def close(self) -> None:
        """No worker can reach it any more."""
        self._region.close()


def same_layout(one: type[Header], other: type[Header]) -> bool:
    """Whether the same octets mean the same in both."""
    return _layout(one) == _layout(other)


def _layout(kind: type[Header]) -> list[tuple[str, int, bool]]:
    return [(name, field.bits, field.big) for name, field in kind.fields.items()]


def differences(records: Records, fill: Callable[[Any], None]) -> Iterator[Write]:
    """What `fill` changes in each record, as writes that are still to be made: it is shown copies."""
    kind = records.kind
    for address in records.addresses:
        memory = ctypes.create_string_buffer(ctypes.string_at(address, kind.size), max(1, kind.size))
        shown = kind(ctypes.addressof(memory))
        before = {name: getattr(shown, name) for name in kind.fields}
        fill(shown)
        for name, value in before.items():
            if getattr(shown, name) != value:
                yield partial(setattr, kind(address), name, getattr(shown, name))
