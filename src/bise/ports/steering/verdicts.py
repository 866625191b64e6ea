"""The addresses that are the kernel's, in maps that the steering programs of all ports of an instance share.

One writer: the control thread.
"""

import ctypes
import errno
import os
import struct
from collections import Counter
from collections.abc import Iterable

from bise.ports.errors import VerdictsFull
from bise.ports.steering import libbpf
from bise.ports.steering.layout import DOUBT_BITS, DOUBT_FACTOR
from bise.ports.steering.words import SharedWords

KERNEL = 1
CAPACITY = 1 << 18


def doubt(address: bytes) -> int:
    """The bit of `doubts` that stands for an address as it is in a packet."""
    folded = 0
    for word in struct.unpack(f"<{len(address) // 4}I", address):
        folded ^= word
    return (folded * DOUBT_FACTOR & 0xFFFFFFFF) >> (32 - DOUBT_BITS)


class Doubts:
    """A bit for the hash of each address with a verdict, where the programs look first. A bit is set before its address
    is, and cleared after the last one of that hash."""

    def __init__(self, family: int) -> None:
        self._words = (1 << DOUBT_BITS) // 64
        self.descriptor = libbpf.create_array(f"doubts{family}", 8 * self._words)
        self._shared = SharedWords(self.descriptor, self._words)
        self._held: Counter[int] = Counter()

    def add(self, addresses: Iterable[bytes]) -> None:
        """Addresses that get a verdict and had none."""
        for bit in map(doubt, addresses):
            self._held[bit] += 1
            self._shared[bit >> 6] |= 1 << (bit & 63)

    def discard(self, addresses: Iterable[bytes]) -> None:
        """Addresses that have none any more."""
        for bit in map(doubt, addresses):
            self._held[bit] -= 1
            if not self._held[bit]:
                self._shared[bit >> 6] &= ~(1 << (bit & 63))

    def close(self) -> None:
        self._shared.close()
        os.close(self.descriptor)


class Verdicts:
    """Addresses (integers) of one family, 4 or 6, and the verdict about packets to them."""

    def __init__(self, family: int, capacity: int = CAPACITY) -> None:
        self.family, self.capacity = family, capacity
        self._octets = 4 if family == 4 else 16
        self._descriptor = libbpf.create_hash(f"verdicts{family}", self._octets, 1, capacity)
        self.doubts = Doubts(family)
        self._present: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._present)

    @property
    def descriptor(self) -> int:
        """For the programs that share this map."""
        return self._descriptor

    def update(self, verdicts: dict[int, int]) -> None:
        """Sets what is new or different. Raises VerdictsFull, with as much set as there was room for."""
        fresh = {address: verdict for address, verdict in verdicts.items() if self._present.get(address) != verdict}
        if not fresh:
            return
        keys = [address.to_bytes(self._octets, "big") for address in fresh]
        unknown = [key for address, key in zip(fresh, keys, strict=True) if address not in self._present]
        self.doubts.add(unknown)
        count = ctypes.c_uint32(len(fresh))
        try:
            values = bytes(fresh.values())
            libbpf.call("bpf_map_update_batch", self._descriptor, b"".join(keys), values, ctypes.byref(count), None)
        except OSError as error:
            if error.errno not in (errno.E2BIG, errno.ENOMEM):
                raise
            self._present.update(list(fresh.items())[: count.value])
            self.doubts.discard(set(unknown) & set(keys[count.value :]))
            left = len(fresh) - count.value
            reason = f"{left} addresses did not fit into the IPv{self.family} map of {self.capacity}"
            raise VerdictsFull("steering", reason) from error
        self._present.update(fresh)

    def remove(self, addresses: Iterable[int]) -> None:
        """Forgets them; an address that is not there is no error."""
        for address in addresses:
            if self._present.pop(address, None) is not None:
                key = address.to_bytes(self._octets, "big")
                libbpf.call("bpf_map_delete_elem", self._descriptor, key)
                self.doubts.discard([key])

    def replace(self, wanted: dict[int, int]) -> None:
        """Makes the map hold exactly `wanted`: first what is new, then what has gone. Raises VerdictsFull."""
        gone = self._present.keys() - wanted.keys()
        if len(self._present.keys() | wanted.keys()) > self.capacity:
            self.remove(gone)
            gone = set()
        self.update(wanted)
        self.remove(gone)

    def close(self) -> None:
        """Gives the descriptor back; programs that are still attached keep the map."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self.doubts.close()
