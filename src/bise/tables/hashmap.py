"""Exact match on 128-bit keys, given as two signed halves; values are 64 bits, not 0. (64-bit keys: a high half of 0.)

One writer, many compiled readers. A bucket is one cache line of two keys and their values; full ones are followed by
others. A key is written before its value is published, and a slot is reused only after `retire` says so, so a reader
that sees a value sees its key.
"""

import secrets
from functools import partial

from bise.hot import Region, hot, load64, load_acquire, prefetch
from bise.tables import hashwriter
from bise.tables.full import TableFull
from bise.tables.hashwriter import BUCKET, FOLLOWING, VALUES, HashRoot, HashWriter, home
from bise.tables.retire import Retire


@hot
def look_up_exact(root, high, low):
    """The value of the key; 0 if there is none. `root` is the table's address."""
    bucket = home(HashRoot(root), high, low)
    while bucket:
        first, second = load_acquire(bucket + VALUES), load_acquire(bucket + VALUES + 8)
        if (load64(bucket) ^ high) | (load64(bucket + 8) ^ low):
            first = 0
        if (load64(bucket + 16) ^ high) | (load64(bucket + 24) ^ low):
            second = 0
        if first | second:  # no branch before this: nobody could foretell which of the two it is
            return first | second
        bucket = load_acquire(bucket + FOLLOWING)
    return 0


@hot
def prefetch_exact(root, high, low):
    """Asks for the cache line that `look_up_exact` will need first."""
    prefetch(home(HashRoot(root), high, low))


def _signed(half: int) -> int:
    return (half + (1 << 63)) % (1 << 64) - (1 << 63)


class HashMap:
    """The map and its writer, for at most `capacity` keys; about 70 octets each.

    `retire` decides when the slot of a deleted key may be used again. Halves and values may be signed or unsigned.
    """

    def __init__(self, retire: Retire, capacity: int) -> None:
        self.capacity = capacity
        self._retire = retire
        buckets = 1 << max(0, capacity - 1).bit_length()
        spare = capacity // 2 + 8
        self._region = Region((buckets + spare) * BUCKET + HashRoot.size + HashWriter.size)
        self.address = self._region.address + (buckets + spare) * BUCKET
        root = HashRoot(self.address)
        root.buckets, root.mask = self._region.address, buckets - 1
        root.seed = secrets.randbits(63)
        self._writer = HashWriter(self.address + HashRoot.size)
        self._writer.root, self._writer.spare_start = self.address, root.buckets + buckets * BUCKET
        hashwriter.open_spare(self._writer.address, spare)

    def insert(self, high: int, low: int, value: int) -> None:
        """Adds a key or gives it another value. Raises TableFull, ValueError."""
        if not _signed(value):
            raise ValueError("a value of 0 says that there is none")
        if len(self) >= self.capacity and not self.get(high, low):
            raise TableFull("hash map", "keys", self.capacity)
        if hashwriter.insert(self._writer.address, _signed(high), _signed(low), _signed(value)) < 0:
            raise TableFull("hash map", "keys that meet", self.capacity)

    def delete(self, high: int, low: int) -> None:
        """Removes a key. Raises KeyError."""
        slot = hashwriter.delete(self._writer.address, _signed(high), _signed(low))
        if slot == 0:
            raise KeyError((high, low))
        self._retire(partial(self._release, slot))

    def _release(self, slot: int) -> None:
        bucket = hashwriter.release(self._writer.address, slot)
        if bucket:
            self._retire(partial(self._reuse, bucket))

    def _reuse(self, bucket: int) -> None:
        hashwriter.reuse(self._writer.address, bucket)

    def get(self, high: int, low: int) -> int:
        """The value of the key, signed; 0 if there is none."""
        return hashwriter.get(self.address, _signed(high), _signed(low))

    def __len__(self) -> int:
        return int(self._writer.used)

    @property
    def unused_spare(self) -> int:
        """How many more buckets can follow full ones; walks through them."""
        count, bucket = 0, self._writer.spare
        while bucket:
            count, bucket = count + 1, load64(bucket + FOLLOWING)
        return count

    def close(self) -> None:
        """Gives the memory back; no reader may be left."""
        self._region.close()
