"""Records of one class side by side: readers reach them by number, the writer takes and returns them.

Number 0 is never given out: it stands for none. A returned record keeps what it says until `retire` lets it go.
"""

import ctypes
from functools import partial
from typing import Generic, TypeVar

from bise.hot import Header, Region
from bise.tables.full import TableFull
from bise.tables.retire import Retire

R = TypeVar("R", bound=Header)


class Pool(Generic[R]):
    """Room for `capacity` records of `kind`; readers use `kind(base + number * stride)`.

    `stride` is a power of two, the smallest that holds a record if it isn't given: 64 or more keeps each record in
    cache lines of its own. Numbers run from 1 to `capacity`.
    """

    def __init__(self, kind: type[R], capacity: int, retire: Retire, stride: int = 0) -> None:
        self.kind, self.capacity = kind, capacity
        self.stride = stride or 1 << (kind.size - 1).bit_length()
        if self.stride < kind.size or self.stride & (self.stride - 1):
            raise ValueError(f"{stride} is no power of two that holds a {kind.__name__} of {kind.size} octets")
        self._retire = retire
        self._region = Region((capacity + 1) * self.stride, huge_pages=False)
        self.base = self._region.address
        self._untouched = 1
        self._returned: list[int] = []
        self._given: set[int] = set()

    def allocate(self) -> int:
        """The number of a record of zeros. Raises TableFull."""
        if self._returned:
            number = self._returned.pop()
            ctypes.memset(self.address_of(number), 0, self.stride)
        elif self._untouched <= self.capacity:
            number = self._untouched
            self._untouched += 1
        else:
            raise TableFull(f"pool of {self.kind.__name__}", "records", self.capacity)
        self._given.add(number)
        return number

    def free(self, number: int) -> None:
        """Takes a record back that nothing leads to any more. Raises KeyError if it was not given out."""
        self._given.remove(number)
        self._retire(partial(self._returned.append, number))

    def address_of(self, number: int) -> int:
        """Where the record lies."""
        return self.base + number * self.stride

    def record(self, number: int) -> R:
        """The record, for the writer."""
        return self.kind(self.address_of(number))

    def __len__(self) -> int:
        return len(self._given)

    def close(self) -> None:
        """Gives the memory back; no reader may be left."""
        self._region.close()
