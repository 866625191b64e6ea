"""What must hold after each event, and what must not grow while one process lives."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bise.errors import BiseError
from tests.product.router import ping
from tests.soak import answers
from tests.soak.trial import PATIENCE_S, Trial

WARM_S = 120.0  # what a process needs in the beginning: tables that are touched for the first time, caches
MOST_GROWTH = 24 << 20  # octets, from then on
MOST_DESCRIPTORS = 4  # more than when it was warm: a question may be under way
_BESIDE = ("transmit.full", "punt.failed", "punt.budget", "copy.lost")  # of `drops`, what is no packet's only end


@dataclass
class Sizes:
    """Of one process: octets in memory and open descriptors, when it was warm and at last."""

    life: int
    since: float = field(default_factory=time.monotonic)
    first: tuple[int, int] | None = None
    last: tuple[int, int] = (0, 0)

    def look(self, pid: int) -> None:
        self.last = _memory(pid), len(os.listdir(f"/proc/{pid}/fd"))
        if self.first is None and time.monotonic() - self.since > WARM_S:
            self.first = self.last

    def findings(self) -> Iterator[str]:
        if self.first is None:
            return
        memory, descriptors = (after - before for before, after in zip(self.first, self.last, strict=True))
        if memory > MOST_GROWTH:
            yield f"life {self.life}: {memory >> 20} MiB more memory than when it was warm"
        if descriptors > MOST_DESCRIPTORS:
            yield f"life {self.life}: {descriptors} descriptors more than when it was warm"


class Watch:
    """Of a trial. `checked` is called after each event and says what is wrong."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.lives: list[Sizes] = []
        self._ended: dict[str, int] = {}  # by reason, also those of nodes that are gone
        self._divergences = 0
        self._late = ""
        self.probes: Counter[str] = Counter()
        self.lost = 0
        """Packets of the trial's flows, when all last was at rest."""

    def checked(self) -> list[str]:
        """A line for each thing that doesn't hold."""
        found: list[str] = []
        try:
            self._trial.settle()
            if not self.lives or self.lives[-1].life != self._trial.life:
                self._begin()
            found += [f"nothing comes from {flow}" for flow in self._trial.flows.silent(PATIENCE_S)]
            found += self._native()
            found += self._in_quiet()
        except (AssertionError, BiseError, OSError) as error:
            found.append(f"{type(error).__name__}: {error}")
        return found + self._said()

    def _begin(self) -> None:
        self.lives.append(Sizes(self._trial.life))
        self._ended, self._divergences = {}, 0

    def _native(self) -> list[str]:
        """Bise itself forwards between hosts, in both families."""
        trial, limit = self._trial, time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            before = trial.router.sent("s")
            try:
                ping(trial.topology.hosts["c"], trial.port("s").host4, 10)
                ping(trial.topology.hosts["c"], trial.port("s").host6, 10)
            except BiseError:
                continue
            if trial.router.sent("s") - before >= 10:
                return []
        return [f"packets to s don't go past the kernel: {trial.router.account()}"]

    def _in_quiet(self) -> list[str]:
        """With no traffic but that of checks."""
        self._trial.flows.pause()
        try:
            found = answers.wrong(self._trial, self.probes)
            found += self._uncounted()
            self.lost = self._trial.flows.lost()
            found += self._diverging()
            self.lives[-1].look(self._trial.router.pid)
            return found
        finally:
            self._trial.flows.resume()

    def _uncounted(self) -> list[str]:
        """Every packet that a worker received ended once: it was sent, found no room, was dropped or punted. A worker
        that gets no time within a burst has counted only what it received, so it is waited for."""
        limit = time.monotonic() + PATIENCE_S
        while True:
            sums = self._sums()
            received, ended = sums["received"], sum(sums.values()) - sums["received"]
            if received == ended and sums == self._sums():
                return []
            if time.monotonic() > limit:
                return [f"{received} packets received, {ended} ended: {sums}"]
            time.sleep(0.1)

    def _sums(self) -> dict[str, int]:
        ports: list[dict[str, Any]] = self._trial.ask("ports")
        for verb in ("drops", "punts"):
            reasons = self._trial.ask(verb)
            self._ended |= {
                f"{verb} {one['reason']}": one["packets"] for one in reasons if one["reason"] not in _BESIDE
            }
        totals = {name: sum(port[name] for port in ports) for name in ("received", "transmitted", "dropped")}
        return {**totals, **self._ended}

    def _diverging(self) -> list[str]:
        now = int(self._trial.ask("status")["mirror"]["divergences"])
        before, self._divergences = self._divergences, now
        return (
            [f"{now - before} more divergences of the mirror: {self._trial.bise.log()[-500:]}"] if now > before else []
        )

    def _said(self) -> list[str]:
        """What the log must not have; each new one is told once."""
        log = self._trial.bise.log()
        place = log.find("Traceback")
        if place < 0 or log[place:] == self._late:
            return []
        self._late = log[place:]
        return [f"in the log: {log[place : place + 2000]}"]


def _memory(pid: int) -> int:
    """Octets in memory, the packets' pool included: it doesn't change."""
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")
