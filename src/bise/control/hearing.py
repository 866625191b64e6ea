"""What Linux announces, applied to the network in order: the socket, what waits of the last lot, what was lost."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bise.control.netlink.kinds import Group
from bise.control.netlink.message import NetlinkError
from bise.control.netlink.rows import Rows, rows_of
from bise.control.netlink.sockets import EventSocket, Overflow
from bise.control.network import Network
from bise.control.survey import Survey

_LOTS_AT_ONCE = 4  # of hundreds of announcements each


@dataclass(slots=True)
class Counts:
    """What the mirror has done since it was made."""

    announcements: int = 0
    changes: int = 0
    unreadable: int = 0
    """Announcements that couldn't be decoded; each led to a resync."""
    overflows: int = 0
    resyncs: int = 0
    surveys: int = 0
    """Comparisons with Linux: the first, resyncs, and slices of the audit."""
    divergences: Counter[str] = field(default_factory=Counter)
    """Objects that were otherwise though nothing was lost, by table; each has been put right. A few are no fault, but
    announced later than they act: an IPv6 address, until it has been found to be no duplicate."""
    neighbours_used: int = 0
    neighbours_refused: int = 0


class Hearing:
    """Reads announcements and applies them. `lose` is called with the reason where some were lost."""

    def __init__(self, network: Network, counts: Counts, receive_buffer: int, lose: Callable[[str], None]) -> None:
        self._network, self._counts, self._lose = network, counts, lose
        self._socket = EventSocket(Group, receive_buffer)
        self._buffer = b""
        self._waiting: Rows | None = None
        self.survey: Survey | None = None
        """The one under way, which is told of every announcement."""

    def fileno(self) -> int:
        """Readable when something was announced."""
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def drain(self) -> bool:
        """Apply announcements that wait, up to a number; whether that was all."""
        for _ in range(_LOTS_AT_ONCE):
            if self._network.work():
                return False
            try:
                if self._waiting is None and not self._receive():
                    return True
                self._apply()
            except Overflow:
                self._counts.overflows += 1
                self._lose("Linux announced more than could be read")
            except NetlinkError as error:
                self._waiting = None
                self._counts.unreadable += 1
                self._lose(str(error))
        return False

    def empty(self) -> None:
        """Read all that waits: what was announced before a loss must not be taken for what came after it."""
        for _ in range(64):
            while self._network.work():
                pass
            if self.drain():
                return

    def _receive(self) -> bool:
        """Whether there was another lot. Raises Overflow, NetlinkError."""
        buffer = self._socket.receive()
        if buffer is None:
            return False
        self._buffer, self._waiting = buffer, rows_of(buffer)
        self._counts.announcements += len(self._waiting)
        if self.survey is not None:
            self.survey.note(buffer, self._waiting)
        return True

    def _apply(self) -> None:
        """As much of the lot as can be applied at once. Raises NetlinkError."""
        done = self._network.apply_rows(self._buffer, self._waiting)
        self._waiting = None if self._waiting is None or done == len(self._waiting) else self._waiting[done:]
