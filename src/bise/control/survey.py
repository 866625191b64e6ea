"""Comparing what we hold with what Linux dumps: at the start, after a loss, and all the time (the audit).

A dump takes a while, and announcements go on meanwhile. Only what differs is kept; at the end the announcements that
came since the beginning are applied to that, too, and what still differs is put right. So a survey of a million equal
routes needs little memory, and interrupts nobody for long: it is done in steps.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from bise.control.comparison import Comparison, Doubts, ObjectComparison, RouteComparison
from bise.control.netlink.dumps import DumpSocket
from bise.control.netlink.kinds import AF_OF_FAMILY, Kind
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.rows import Rows, rows_of
from bise.control.network import Network
from bise.control.route_tables import TableKey
from bise.control.subjects import Sort, Subject

_MOST_EVENTS = 400_000

Steps: TypeAlias = Generator[Callable[[], Any], Any, None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a survey came to."""

    divergences: dict[str, int]
    """How many objects were wrong, by table."""
    complete: bool
    """False where the dump can't be relied on to show every IPv6 route as it is: none was removed for not being in it,
    and those that changed meanwhile were left as announcements made them."""
    examples: tuple[str, ...] = ()
    """Some of what was wrong, in words."""


class Survey:
    """One comparison of `live` with Linux. `steps` to the end, then `finish`; meanwhile `note` every announcement."""

    def __init__(self, live: Network, reader: RouteReader, socket: DumpSocket, subjects: tuple[Subject, ...]) -> None:
        self.spoiled = False
        """Set where announcements were lost."""
        self._live = live
        self._reader = reader
        self._socket = socket
        self._subjects = subjects
        self._upheavals = live.upheavals
        self._scratch = Network(reader, infers=False)
        self._comparisons = {one.sort: self._comparison(one.sort) for one in subjects}
        self._events: list[bytes] = []
        self._event_count = 0
        self._route_6_count = 0
        self._moving_6 = False
        self._since_6 = 0  # how many buffers of announcements had come when the dump of IPv6's routes began

    def _comparison(self, sort: Sort) -> Comparison:
        if sort.decode is None:
            return RouteComparison(self._reader, self._live, self._scratch)
        return ObjectComparison(sort, self._live, self._scratch)

    def note(self, buffer: bytes, rows: Rows) -> None:
        """Announcements that arrived since the survey began, and are or will be applied to `live`."""
        if self._event_count < _MOST_EVENTS:
            self._events.append(buffer)
            self._event_count += len(rows)
            self._route_6_count += len(_routes_6(buffer, rows))
        else:
            self.spoiled = True

    @property
    def disturbed(self) -> bool:
        """Whether something happened since the survey began that it can't account for."""
        return self.spoiled or self._live.upheavals != self._upheavals

    def steps(self) -> Steps:
        """Do the work of about a millisecond at each step. Raises NetlinkError where Linux or its answer is faulty.

        Each step yields a call that may have to wait in the kernel, and wants to be sent what it returns."""
        for subject in self._subjects:
            before, buffers, comparison = self._route_6_count, len(self._events), self._comparisons[subject.sort]
            yield partial(self._socket.start, subject.sort.request, subject.body)
            while (part := (yield self._socket.part)) is not None:
                comparison.take(part[0], part[1], subject)
            if self._socket.interrupted:
                self.spoiled = True
            if subject.sort.request is Kind.GET_ROUTE and subject.family == 6:
                self._moving_6 = self._route_6_count > before  # then Linux may have begun anew, and skipped some
                self._since_6 = buffers
        for subject in self._subjects:
            for _ in self._comparisons[subject.sort].miss(subject):
                yield _nothing

    def finish(self, *, at_last: bool = False) -> Outcome | None:
        """Apply what came meanwhile, put right what differs. None if the survey has to be done again.

        `at_last` makes the best of a survey that things always come between."""
        if self.disturbed and not at_last:
            return None
        for comparison in self._comparisons.values():
            comparison.suspect()
        for buffer in self._events:
            self._scratch.apply_rows(buffer, rows_of(buffer))
        doubts = Doubts() if at_last else Doubts(self._moving_6, self._announced_6())
        divergences = {sort.table: comparison.settle(doubts) for sort, comparison in self._comparisons.items()}
        return Outcome(divergences, not (self._moving_6 or doubts.met), tuple(doubts.examples))

    def _announced_6(self) -> set[tuple[TableKey, int]]:
        """IPv6 prefixes that something was announced of since their dump began. It may show beside each other what came
        one after the other; what announcements have made of ours is right, unless one was lost before."""
        found: set[tuple[TableKey, int]] = set()
        for buffer in self._events[self._since_6 :]:
            numbers, likes = self._reader.routes_of(buffer, _routes_6(buffer, rows_of(buffer)))
            found.update((like.key, number) for number, like in zip(numbers, likes, strict=True) if like is not None)
        return found


def _nothing() -> None:
    """A step that waits for nobody."""


def _routes_6(buffer: bytes, rows: Rows) -> Rows:
    """The announcements of IPv6 routes."""
    is_route = np.isin(rows["type"], (Kind.NEW_ROUTE, Kind.DELETE_ROUTE))
    routes = rows[is_route & (rows["end"] > rows["start"])]
    return routes[np.frombuffer(buffer, "u1")[routes["start"]] == AF_OF_FAMILY[6]]
