"""Routes from whole buffers: what `RouteDecoder` made of a message once is found again by compiled code (`rows.py`)."""

from typing import NamedTuple

import numpy as np

from bise.control.netlink.routes import RouteDecoder, RouteMessage
from bise.control.netlink.rows import (
    ARENA,
    MOST_LIKES,
    SLOTS,
    Known,
    Rows,
    Slot,
    address_of,
    keep,
    liken,
    prefix_numbers,
)
from bise.control.objects import Route
from bise.hot import Region


class Like(NamedTuple):
    """What messages that differ in their destination alone have in common."""

    key: tuple[int, int]
    """Family and number of the routing table."""
    routes: tuple[Route]


class RouteReader:
    """Finds in rows what was learned of messages with the same octets. `likes`: by the number in a row; 0 is none.

    `likes` is another list once there were too many: rows hold for the list that was there when they were read."""

    def __init__(self, decoder: RouteDecoder) -> None:
        self.decoder = decoder
        self.likes: list[Like | None] = [None]
        self._region = Region(Known.size + SLOTS * Slot.size + ARENA, huge_pages=False)
        self._known = Known(self._region.address)
        self._known.slots = self._known.address + Known.size
        self._known.arena = self._known.slots + SLOTS * Slot.size

    def read(self, buffer: bytes, rows: Rows) -> None:
        """Fills in what is known of the routes among the messages of a buffer."""
        liken(self._known.address, address_of(buffer), rows.ctypes.data, len(rows))

    def learn(self, buffer: bytes, start: int, end: int) -> RouteMessage | None:
        """Decodes the body of one message, which the next of its kind will be found by. Raises NetlinkError."""
        told = self.decoder.decode(buffer, start, end)
        if told is None:
            return None
        if self._known.count == MOST_LIKES:
            self._forget()
        number = keep(self._known.address, address_of(buffer) + start, end - start)
        if number == len(self.likes):
            self.likes.append(_like(told))
        return told

    def routes_of(self, buffer: bytes, rows: Rows) -> tuple[list[int], list[Like | None]]:
        """`Prefix.number` and likeness of each row; None for what is no route of the FIB. Raises NetlinkError."""
        self.read(buffer, rows)
        likes = self.likes
        numbers, found = prefix_numbers(rows), [likes[number] for number in rows["like"].tolist()]
        for place in np.flatnonzero(rows["like"] == 0).tolist():
            told = self.learn(buffer, int(rows["start"][place]), int(rows["end"][place]))
            if told is not None:
                numbers[place], found[place] = told.prefix.number, _like(told)
        return numbers, found

    def _forget(self) -> None:
        self.likes = [None]
        self._known.count = self._known.used = 0
        self._region.array("u1", Known.size, SLOTS * Slot.size)[:] = 0


def _like(told: RouteMessage) -> Like:
    return Like((told.prefix.family, told.prefix.table), told.routes)
