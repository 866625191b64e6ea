"""The netlink socket that Linux answers with all objects of a kind."""

from contextlib import suppress

import numpy as np

from bise.control.netlink.message import DONE, DUMP, DUMP_INTERRUPTED, ERROR, NetlinkError, refusal, request
from bise.control.netlink.rows import Rows, messages_of, rows_of
from bise.control.netlink.sockets import NetlinkSocket

_PART = 3 << 15  # octets that are enough for a part: a millisecond's work, if they are routes


class DumpSocket(NetlinkSocket):
    """Asks Linux for all objects of a kind. One dump at a time: `start`, then `part` until it returns None."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self._sequence = 0
        self._running = False
        self.interrupted = False
        """Whether Linux said of the last dump that things changed under it (NLM_F_DUMP_INTR)."""

    def start(self, kind: int, body: bytes) -> None:
        while self._running:  # the rest of a dump that nobody wants any more
            with suppress(NetlinkError):
                self.part()
        self._sequence += 1
        self.interrupted = False
        self._socket.send(request(kind, DUMP, self._sequence, body))
        self._running = True

    def part(self) -> tuple[bytes, Rows] | None:
        """The next octets of the dump and its messages in them. Linux answers within the call: it never waits.

        Raises NetlinkError, with Linux's errno where Linux refused."""
        while self._running:
            buffer = self._gathered()
            if not buffer:
                self._running = False
                raise NetlinkError("a dump ended without its end")
            rows = self._sort(buffer)
            if len(rows):
                return buffer, rows
        return None

    def _gathered(self) -> bytes:
        """What several receives return."""
        parts: list[bytes] = []
        octets = 0
        while octets < _PART:
            part = self.receive()
            if part is None:
                break
            parts.append(part)
            octets += len(part)
        return b"".join(parts)

    def _sort(self, buffer: bytes) -> Rows:
        """The rows that are objects. Raises NetlinkError where Linux refused."""
        rows = rows_of(buffer)
        rows = rows[rows["sequence"] == self._sequence]
        if (rows["flags"] & DUMP_INTERRUPTED).any():
            self.interrupted = True
        is_end = np.isin(rows["type"], (DONE, ERROR))
        for message in messages_of(rows[is_end]):
            self._running = False
            problem = refusal(buffer, message)
            if problem is not None:
                raise problem
        return rows[~is_end]
