"""The addresses that are the kernel's, in maps that the steering programs of all ports of an instance share.

One writer: the control thread.
"""

import ctypes
import errno
import os
from collections.abc import Iterable

from bise.ports.errors import VerdictsFull
from bise.ports.steering import libbpf

KERNEL = 1
CAPACITY = 1 << 18


class Verdicts:
    """Addresses (integers) of one family, 4 or 6, and the verdict about packets to them."""

    def __init__(self, family: int, capacity: int = CAPACITY) -> None:
        self.family, self.capacity = family, capacity
        self._octets = 4 if family == 4 else 16
        self._descriptor = libbpf.create_hash(f"verdicts{family}", self._octets, 1, capacity)
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
        keys = b"".join(address.to_bytes(self._octets, "big") for address in fresh)
        count = ctypes.c_uint32(len(fresh))
        try:
            values = bytes(fresh.values())
            libbpf.call("bpf_map_update_batch", self._descriptor, keys, values, ctypes.byref(count), None)
        except OSError as error:
            if error.errno not in (errno.E2BIG, errno.ENOMEM):
                raise
            self._present.update(list(fresh.items())[: count.value])
            left = len(fresh) - count.value
            reason = f"{left} addresses did not fit into the IPv{self.family} map of {self.capacity}"
            raise VerdictsFull("steering", reason) from error
        self._present.update(fresh)

    def remove(self, addresses: Iterable[int]) -> None:
        """Forgets them; an address that is not there is no error."""
        for address in addresses:
            if self._present.pop(address, None) is not None:
                libbpf.call("bpf_map_delete_elem", self._descriptor, address.to_bytes(self._octets, "big"))

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
