"""The mirror: what Linux wants of the network, kept up to date and told as changes.

It belongs to the network namespace in which it is made, and to one event loop. Subscribe to Linux, survey, then follow;
after a loss, survey again, with `clean` False until done: what it holds may be stale meanwhile. An audit compares
slowly and for ever, and counts what it finds wrong (`Counts.divergences`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from typing import TypeAlias

from bise.control import writeback
from bise.control.changes import Change, Rerouted
from bise.control.hearing import Counts, Hearing
from bise.control.netlink.dumps import DumpSocket
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import NetlinkError
from bise.control.netlink.routes import RouteDecoder
from bise.control.netlink.sockets import RequestSocket
from bise.control.network import Network
from bise.control.objects import NeighbourKey, Rule
from bise.control.route_tables import RouteTables
from bise.control.subjects import SILENT_SUBJECTS, SUBJECTS, Subject
from bise.control.survey import Outcome, Steps, Survey
from bise.control.view import NetworkView

_log = logging.getLogger(__name__)

_PUBLISHED_AT_ONCE = 4096
_ATTEMPTS = 16
_REST_S = 1.0
_COALESCE_S = 0.02
_HURRY_SHARE = 0.25
# What comes after a quiet time acts at once; what follows is read together, for telling of each alone costs many times
# as much. Where many come, more will: they are read in lots of hundreds.
_GATHERED_S, _MANY, _MANY_GATHERED_S = 0.002, 16, 0.010

Subscriber: TypeAlias = Callable[[Sequence[Change]], None]


class Mirror(NetworkView):
    """What Linux has, and its policy rules, as dictionaries by identity that change with it.

    Nobody but the mirror writes them. `start` it in a loop (or `load` it once), `subscribe` to what changes.
    """

    def __init__(self, receive_buffer: int = 64 << 20, audit_share: float = 0.02, audit_pause_s: float = 2.0) -> None:
        """`audit_share` is the part of a core that the audit may take; it rests `audit_pause_s` between its slices."""
        self.counts = Counts()
        self.clean = False
        """Whether it is known to hold all that Linux does. While it isn't, punt what may be stale."""
        self._decoder = RouteDecoder()
        self._reader = RouteReader(self._decoder)
        self._network = held = Network(self._reader)
        self.links, self.settings, self.addresses = held.links.values, held.settings.values, held.addresses.values
        self.neighbours, self.next_hops = held.neighbours.values, held.next_hops.values
        self.routes: RouteTables = held.routes
        self.bare = held.bare
        self.rules: Mapping[Rule, Rule] = held.rules.values
        self._hearing = Hearing(held, self.counts, receive_buffer, self._lose)
        self._dumps = DumpSocket()
        self._requests = RequestSocket()
        self._told = RequestSocket()
        self._again: asyncio.Handle | None = None
        self._telling: asyncio.Future[None] | None = None
        self._audit_share = audit_share
        self._audit_pause_s = audit_pause_s
        self._subscribers: list[Subscriber] = []
        self._watchers: list[Callable[[bool], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._synchronised = asyncio.Event()
        self._lost = True

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have it called with lists of changes, parents before children, after the dictionaries have changed."""
        self._subscribers.append(subscriber)

    def watch_clean(self, watcher: Callable[[bool], None]) -> None:
        """Have it called when `clean` changes; when it becomes True, all changes have been told."""
        self._watchers.append(watcher)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Follow Linux from now on."""
        self._loop = loop
        loop.add_reader(self.fileno(), self._readable)
        self._following = loop.create_task(self._follow(), name="mirror")

    async def synchronised(self) -> None:
        """Wait until the mirror is clean."""
        await self._synchronised.wait()

    def load(self) -> None:
        """Without a loop: take in what Linux has, or has changed since, and tell it. Raises NetlinkError."""
        for attempt in range(_ATTEMPTS):
            self._hearing.empty()
            self._lost = False
            survey = self._begin(SUBJECTS)
            steps = survey.steps()
            call: Callable[[], object] | None = next(steps)
            while call is not None:
                self._drain()
                call = _sent(steps, call())
            outcome = self._end(survey, at_last=attempt == _ATTEMPTS - 1)
            if outcome is not None and outcome.complete and not self._lost:
                break
        self._publish_all()
        self._set_clean(not self._lost)

    def catch_up(self) -> None:
        """Without a loop: apply and tell what Linux has announced until now. After a loss, `clean` is False: `load`."""
        self._hearing.empty()
        self._publish_all()

    def fileno(self) -> int:
        """Readable when there is something to catch up with."""
        return self._hearing.fileno()

    async def stop(self) -> None:
        """Follow no longer; `catch_up` and `start` go on from here."""
        if self._loop is not None:
            self._loop.remove_reader(self.fileno())
            self._loop = None
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
            self._following = None

    def close(self) -> None:
        """Give the sockets back; `stop` first."""
        self._hearing.close()
        for socket in (self._dumps, self._requests, self._told):
            socket.close()

    def use_neighbours(self, keys: Iterable[NeighbourKey]) -> None:
        """Keep alive in Linux the neighbours that the fast path uses, of those that age."""
        known = [key for key in keys if key in self.neighbours and self.neighbours[key].ageing]
        self.counts.neighbours_used += len(known)
        if self._loop is None:
            self._tell_of_use(known)
        elif self._telling is None or self._telling.done():  # else Linux is busy, and will hear of them next time
            self._telling = self._loop.run_in_executor(None, self._tell_of_use, known)

    def _tell_of_use(self, keys: Sequence[NeighbourKey]) -> None:
        self.counts.neighbours_refused += writeback.use_neighbours(self._told, keys)

    def ask_route(self, family: int, destination: int, source: int = 0, in_link: int = 0) -> writeback.RouteAnswer:
        """What Linux would do with a packet."""
        return writeback.ask_route(self._requests, self._decoder, family, destination, source, in_link)

    # Following

    def _readable(self) -> None:
        before = self.counts.announcements
        self._drain()
        self._publish()
        if self._again is None and self._loop is not None:
            self._loop.remove_reader(self.fileno())
            self._again = self._loop.call_later(self._pause_s(self.counts.announcements - before), self._go_on)

    def _pause_s(self, came: int) -> float:
        """How long not to read after so many announcements."""
        if self._network.chores or self._network.changed():
            return 0
        return _MANY_GATHERED_S if came > _MANY else _GATHERED_S

    def _go_on(self) -> None:
        self._again = None
        if self._loop is not None:
            self._loop.add_reader(self.fileno(), self._readable)
        if self._network.chores or self._network.changed():
            self._readable()

    def _drain(self) -> bool:
        """Apply announcements that wait, up to a number; whether that was all."""
        is_all = self._hearing.drain()
        if self._network.suspicious:
            self._wake.set()
        return is_all

    def _lose(self, reason: str) -> None:
        _log.warning("reading the network again: %s", reason)
        self._lost = True
        self._set_clean(False)
        if self._hearing.survey is not None:
            self._hearing.survey.spoiled = True
        self._wake.set()

    def _set_clean(self, clean: bool) -> None:
        if clean != self.clean:
            self.clean = clean
            for watcher in self._watchers:
                watcher(clean)
        if clean:
            self._synchronised.set()
        else:
            self._synchronised.clear()

    def _publish(self) -> None:
        found = list(self._network.take_changes(_PUBLISHED_AT_ONCE))
        if not found:
            return
        self.counts.changes += sum(len(one.prefixes) if isinstance(one, Rerouted) else 1 for one in found)
        for subscriber in self._subscribers:
            subscriber(found)

    def _publish_all(self) -> None:
        while self._network.changed():
            self._publish()

    # Surveys

    async def _follow(self) -> None:
        slices = cycle((subject,) for subject in SUBJECTS)
        while True:
            self._wake.clear()
            if self._lost:
                await self._resync()
            elif self._network.suspicious:
                await self._look_again()
            else:
                await self._audit(next(slices))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._audit_pause_s)

    async def _resync(self) -> None:
        """Read everything, until a survey comes through that nothing came between."""
        self.counts.resyncs += self.counts.surveys > 0
        for attempt in range(_ATTEMPTS):
            while not self._drain():
                await asyncio.sleep(0)
            self._lost = False
            try:
                outcome = await self._look(SUBJECTS, 1.0, at_last=attempt == _ATTEMPTS - 1)
            except NetlinkError as error:
                self._lose(str(error))
                await asyncio.sleep(_REST_S)
                continue
            if self._lost or outcome is None or not (outcome.complete or attempt == _ATTEMPTS - 1):
                await asyncio.sleep(_COALESCE_S * min(attempt, 10))
                continue
            if not outcome.complete:
                self._network.suspicious.add(0)
            while self._network.changed():
                self._publish()
                await asyncio.sleep(0)
            if not self._lost:
                self._set_clean(True)
            return

    async def _look_again(self) -> None:
        """After a change that Linux makes others for without a word: were they what we inferred?"""
        await asyncio.sleep(_COALESCE_S)
        while self._network.chores:
            await asyncio.sleep(_COALESCE_S)
        suspicious, self._network.suspicious = self._network.suspicious, set()
        outcome = await self._audited(SILENT_SUBJECTS, _HURRY_SHARE)
        if outcome is None:
            self._network.suspicious |= suspicious
            await asyncio.sleep(_COALESCE_S)

    async def _audit(self, subjects: tuple[Subject, ...]) -> None:
        await self._audited(subjects, self._audit_share)

    async def _audited(self, subjects: tuple[Subject, ...], share: float) -> Outcome | None:
        try:
            outcome = await self._look(subjects, share, at_last=False)
        except NetlinkError as error:
            self._lose(str(error))
            return None
        if outcome is not None:
            self.counts.divergences.update(outcome.divergences)
            for words in outcome.examples:
                _log.info("the audit put right: %s", words)
            self._readable()
        return outcome

    async def _look(self, subjects: tuple[Subject, ...], share: float, *, at_last: bool) -> Outcome | None:
        """A survey that takes `share` of a core. Linux may answer late, when others hold its locks: ask in a thread."""
        survey = self._begin(subjects)
        try:
            steps = survey.steps()
            call: Callable[[], object] | None = next(steps)
            while call is not None and (at_last or not survey.disturbed):
                answer = await asyncio.to_thread(call)
                began = time.perf_counter()
                call = _sent(steps, answer)
                await asyncio.sleep((time.perf_counter() - began) * (1 / share - 1))
            return self._end(survey, at_last=at_last)
        finally:
            self._hearing.survey = None

    def _begin(self, subjects: tuple[Subject, ...]) -> Survey:
        self.counts.surveys += 1
        survey = self._hearing.survey = Survey(self._network, self._reader, self._dumps, subjects)
        return survey

    def _end(self, survey: Survey, *, at_last: bool) -> Outcome | None:
        if not survey.disturbed or at_last:
            self._hearing.empty()
        self._hearing.survey = None
        return survey.finish(at_last=at_last)


def _sent(steps: Steps, answer: object) -> Callable[[], object] | None:
    """The next step of a survey; None at its end."""
    try:
        return steps.send(answer)
    except StopIteration:
        return None
