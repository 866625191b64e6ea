"""Packets for the tests of wire/: what a header is made from, with its octets next to memory that nobody may touch."""

import ctypes

from bise.hot import Header, le32, le64
from tests.guarded import Guarded


class Notes(Header):
    """What hot code wants to know of a packet."""

    data = le64()
    length = le32()
    total = le32()


class Bench:
    """A place for one packet after the other; the notes stay at `address`."""

    def __init__(self) -> None:
        self._guarded = Guarded()
        self._notes = ctypes.create_string_buffer(Notes.size)
        self.address = ctypes.addressof(self._notes)
        self.packet = Notes(self.address)

    def lay(self, octets: bytes, further: int = 0, low: bool = False) -> int:
        """Makes `octets` the contiguous part of a packet with `further` elsewhere; returns the notes' address."""
        self.packet.data = self._guarded.put(octets, low)
        self.packet.length = len(octets)
        self.packet.total = len(octets) + further
        return self.address

    def octets(self) -> bytes:
        """What the contiguous part now holds."""
        return ctypes.string_at(self.packet.data, self.packet.length)
