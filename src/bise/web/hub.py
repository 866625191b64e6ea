"""Looks at each instance once a second, keeps what charts show of the last minutes, and tells those who listen."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TypedDict

from bise.control.messages import Neighbour
from bise.control.socket import instances
from bise.monitor.monitor import Look, Monitor
from bise.monitor.report import Report
from bise.web.point import Point, point

KEPT = 300
_SHOWN_NEIGHBOURS = 16
_NEIGHBOURS_EVERY = 5


class Scene(TypedDict):
    """What a page shows at one moment. `trouble`: why there is no report. `neighbours`: the first of so many."""

    name: str
    instances: list[str]
    trouble: str
    restarts: int
    report: Report | None
    neighbours: list[Neighbour]
    neighbours_total: dict[str, int]
    point: Point


class Hub:
    """Follows the instances `names`, or all that run; each that was ever seen is shown on."""

    def __init__(
        self,
        names: Sequence[str] = (),
        directory: Path | None = None,
        *,
        cycles: bool = False,
        interval_s: float = 1.0,
    ) -> None:
        self._names, self._directory, self._cycles, self._interval_s = tuple(names), directory, cycles, interval_s
        self._following: dict[str, asyncio.Task[None]] = {}
        self._scenes: dict[str, Scene] = {}
        self._history: dict[str, deque[Point]] = {}
        self._changed = asyncio.Condition()
        self._closed = False

    def instances(self) -> list[str]:
        """Names of those that are followed."""
        return sorted(self._following)

    def history(self, name: str) -> list[Point]:
        """The last minutes, oldest first."""
        return list(self._history.get(name, ()))

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                for name in self._names or tuple(await asyncio.to_thread(instances, self._directory)):
                    if name not in self._following:
                        self._following[name] = asyncio.create_task(self._follow(name))
                        await self._tell()
                await asyncio.sleep(self._interval_s)
        finally:
            for task in self._following.values():
                task.cancel()
            await asyncio.gather(*self._following.values(), return_exceptions=True)

    async def close(self) -> None:
        """Everybody who listens has heard the last."""
        self._closed = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def find(self, name: str | None) -> str:
        """The instance of this name, or the first of all; empty if there is none such."""
        known = self.instances()
        if name is None:
            return known[0] if known else ""
        return name if name in known else ""

    async def appears(self, name: str | None) -> str:
        """The same, as soon as there is one; empty when all ends."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self.find(name))
        return self.find(name)

    async def scenes(self, name: str) -> AsyncIterator[Scene]:
        """One at once if there is one, then each as it comes."""
        seen = None
        while not self._closed:
            scene = self._scenes.get(name)
            if scene is not None and scene is not seen:
                seen = scene
                yield scene
            async with self._changed:
                if not self._closed and self._scenes.get(name) is seen:
                    await self._changed.wait()

    async def _follow(self, name: str) -> None:
        history: deque[Point] = deque(maxlen=KEPT)
        self._history[name] = history
        with Monitor(
            name, self._directory, reply_within_s=2.0, neighbours_every=_NEIGHBOURS_EVERY, cycles=self._cycles
        ) as monitor:
            while True:
                look = await asyncio.to_thread(monitor.look)
                moment = point(look.report, time.time_ns() // 1_000_000)
                history.append(moment)
                self._scenes[name] = self._scene(name, look, moment)
                await self._tell()
                await asyncio.sleep(self._interval_s)

    def _scene(self, name: str, look: Look, moment: Point) -> Scene:
        # Linux notes groups among the neighbours, too, with the MACs that follow from them.
        hosts = [each for each in look.neighbours if not ip_address(each["address"]).is_multicast]
        return {
            "name": name,
            "instances": self.instances(),
            "trouble": look.trouble,
            "restarts": look.restarts,
            "report": look.report,
            "neighbours": _first(hosts),
            "neighbours_total": dict(Counter(each["port"] for each in hosts)),
            "point": moment,
        }


def _first(found: Iterable[Neighbour]) -> list[Neighbour]:
    """The first of each port's, those that carry packets before others."""
    shown: Counter[str] = Counter()
    first = []
    for neighbour in sorted(found, key=_idle_ns):
        shown[neighbour["port"]] += 1
        if shown[neighbour["port"]] <= _SHOWN_NEIGHBOURS:
            first.append(neighbour)
    return first


def _idle_ns(neighbour: Neighbour) -> tuple[bool, int]:
    ago = neighbour["used_ns_ago"]
    return ago is None, ago or 0
