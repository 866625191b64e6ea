"""A conversation with one instance that goes on when the instance doesn't: the next look asks whoever is there then."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bise.control.messages import Neighbour
from bise.control.socket import ControlClient
from bise.errors import BiseError
from bise.monitor.report import Report, report
from bise.monitor.snapshot import Snapshot, take


@dataclass(frozen=True)
class Look:
    """What one look has found. `report` is None, and `trouble` says why, while nobody answers. `restarts`: how often
    another process than before has answered. `neighbours`: as they were when last asked for."""

    report: Report | None
    trouble: str
    restarts: int
    neighbours: tuple[Neighbour, ...] = ()


class Monitor:
    """Looks at the instance `name`; a context manager."""

    def __init__(
        self,
        name: str,
        directory: Path | None = None,
        *,
        reply_within_s: float = 5.0,
        neighbours_every: int = 0,
        cycles: bool = False,
    ) -> None:
        """`neighbours_every` so many looks, they are asked for; 0: never. `cycles`: what nodes cost is asked for, too;
        the instance samples bursts meanwhile."""
        self.name = name
        self._directory, self._within_s, self._neighbours_every = directory, reply_within_s, neighbours_every
        self._cycles = cycles
        self._neighbours: tuple[Neighbour, ...] = ()
        self._looks = 0
        self._client: ControlClient | None = None
        self._before: Snapshot | None = None
        self._restarts = 0

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def look(self) -> Look:
        """What is, and how it has changed since the last look. Never raises: trouble is something to show."""
        wanted = self._neighbours_every > 0 and self._looks % self._neighbours_every == 0
        try:
            after = self._take(wanted)
        except BiseError as trouble:
            self._hang_up()
            return Look(None, str(trouble), self._restarts, self._neighbours)
        self._looks += 1
        if after.neighbours is not None:
            self._neighbours = tuple(after.neighbours)
        before, self._before = self._before, after
        if before is not None and not after.follows(before):
            self._restarts += 1
        return Look(report(before, after), "", self._restarts, self._neighbours)

    def _take(self, neighbours: bool) -> Snapshot:
        """A connection from before may be to a process that is gone: then a new one counts."""
        if self._client is not None:
            try:
                return take(self._client, neighbours=neighbours, cycles=self._cycles)
            except BiseError:
                self._hang_up()
        self._client = ControlClient(self.name, self._directory, self._within_s)
        return take(self._client, neighbours=neighbours, cycles=self._cycles)

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError):
                client.__exit__()
