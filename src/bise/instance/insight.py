"""Looking at packets while they are forwarded: the instrumented twin, compiled on demand and run while somebody asks.

What a client wants is a *watch*, with a number and a lease that each question renews. A client that is gone asks no
more, and the workers run their bare pipeline again. One watch at a time records packets; cycles are counted meanwhile.
"""

import asyncio
import base64
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from bise.control import messages
from bise.control.socket import Verb
from bise.engine.node import Transmit
from bise.engine.pipeline import Pipeline, build_twin
from bise.engine.watch import CAME, LEFT
from bise.engine.watching import Timing, Wanted, Watching
from bise.errors import BiseError
from bise.hot import Entry

if TYPE_CHECKING:
    from bise.instance.instance import Instance

_LEASE_S = 3.0
_LOOK_S = 0.25  # how often leases are looked at
_WITHIN_S = 0.5  # the longest time that a question waits for something to tell
_PATIENCE_S = 0.005
_MOST_RECORDS = 512  # in one reply: a few milliseconds of the control thread
_MOST_DEPTH, _MOST_ROOM = 256, 2048
_SIDES = {"in": CAME, "out": LEFT, "both": CAME | LEFT}
_NICE = 5


@dataclass
class _Watch:
    """What a client wants to see. `told`: it knows the graph that its records speak of."""

    number: int
    wanted: Wanted
    until: float
    told: bool = False
    past: tuple[int, int] = (0, 0)


class Insight:
    """Watches of one instance, in its control thread."""

    def __init__(self, instance: "Instance", cores: list[int]) -> None:
        self._of, self._cores = instance, cores
        self._numbers = count(1)
        self._watch: _Watch | None = None
        self._timing_until = 0.0
        self._past: dict[str, list[int]] = {}
        self._past_bare = [0, 0]
        self._watching: Watching | None = None
        self._twin: tuple[Pipeline, Entry] | None = None
        self._compiling: asyncio.Task[None] | None = None
        self._failure: BiseError | None = None
        self._looking: asyncio.TimerHandle | None = None

    def verbs(self) -> Mapping[str, Verb]:
        return {"watch": self.watch, "watched": self.watched, "unwatch": self.unwatch, "cycles": self.cycles}

    async def close(self) -> None:
        """Nobody is answered any more."""
        if self._looking is not None:
            self._looking.cancel()
        if self._compiling is not None:
            self._compiling.cancel()
            with suppress(asyncio.CancelledError):
                await self._compiling

    # Verbs

    def watch(self, arguments: dict[str, Any]) -> messages.Watch:
        """Begins a watch."""
        self._expire()
        if self._watch is not None:
            raise BiseError("somebody else watches packets (bise trace, bise capture or --sample); one at a time")
        wanted = self._wanted(arguments)
        self._watch = _Watch(next(self._numbers), wanted, time.monotonic() + _LEASE_S)
        self._settle()
        return {"watch": self._watch.number}

    async def watched(self, arguments: dict[str, Any]) -> messages.Watched:
        """What was recorded since the last question, as soon as there is something, or nothing after a while."""
        watch = self._mine(arguments)
        records: list[bytes] = []
        limit = time.monotonic() + _WITHIN_S
        while not records and time.monotonic() < limit:
            watch.until = time.monotonic() + _LEASE_S
            self._settle()
            if self._watching is not None:
                records = self._watching.read(_MOST_RECORDS)
            if not records:
                await asyncio.sleep(_PATIENCE_S)
                watch = self._mine(arguments)
        seen, missed = self._looked(watch)
        standing = self._watching is not None and self._watching.wanted is watch.wanted
        graph = self._graph() if standing and not watch.told else None
        watch.told |= graph is not None
        return {
            "state": "recording" if standing else "compiling",
            "records": [base64.b64encode(record).decode() for record in records],
            "seen": seen,
            "missed": missed,
            "graph": graph,
        }

    def unwatch(self, arguments: dict[str, Any]) -> messages.Watch:
        """Ends a watch."""
        watch = self._mine(arguments)
        self._watch = None
        self._settle()
        return {"watch": watch.number}

    async def cycles(self, arguments: dict[str, Any]) -> messages.Cycles:
        """Cycles by node, of sampled bursts; the sampling goes on for a while after each question."""
        limit = time.monotonic() + _WITHIN_S
        fresh = self._watching is None
        while True:
            self._timing_until = time.monotonic() + _LEASE_S
            self._settle()
            if time.monotonic() > limit or (self._watching is not None and not fresh):
                break
            await asyncio.sleep(_PATIENCE_S)
        sums, bare = self._sums()
        return {
            "state": "sampling" if self._watching is not None else "compiling",
            "bare": {"packets": bare[0], "cycles": bare[1]},
            "nodes": [{"node": name, "packets": pair[0], "cycles": pair[1]} for name, pair in sums.items()],
        }

    def notes(self) -> list[str]:
        """For `bise status`."""
        if self._watching is None:
            return []
        return ["somebody looks at packets (bise trace, capture, cycles, top), which costs more meanwhile"]

    # What the verbs are made of

    def _wanted(self, arguments: dict[str, Any]) -> Wanted:
        pipeline = self._pipeline()
        side, name, only = arguments.get("side", "in"), arguments.get("port"), arguments.get("each")
        port = None
        if name is not None:
            found = self._of.ports.open_ports.get(str(name))
            if found is None:
                known = ", ".join(self._of.ports.open_ports) or "none"
                raise BiseError(f"no port {name!r}; there are {known}")
            port = found.number
        if side not in _SIDES:
            raise BiseError(f"no side {side!r}; there are {', '.join(_SIDES)}")
        depth = min(max(int(arguments.get("depth", 0)), 0), _MOST_DEPTH)
        room = min(max(int(arguments.get("room", _MOST_ROOM)), 64), _MOST_ROOM)
        ends = [sink.name for sink in pipeline.graph.sinks if not isinstance(sink, Transmit)]
        return Wanted(port, _SIDES[side], None if only is None else dict.fromkeys(ends, int(only)), depth, room)

    def _pipeline(self) -> Pipeline:
        """What the workers run, which is not yet what they are to run while that is being compiled."""
        plan = self._of.crew.members[0].plan if self._of.pipeline is not None else None
        if plan is None or not any(self._of.crew.running()):
            raise BiseError(f"bise {self._of.wanted.name!r} is still {self._of.state}; try again in a moment")
        return plan.pipeline

    def _mine(self, arguments: dict[str, Any]) -> _Watch:
        if self._watch is None or self._watch.number != arguments.get("watch"):
            raise BiseError("that watch has ended: nobody asked for its records any more")
        return self._watch

    def _looked(self, watch: _Watch) -> tuple[int, int]:
        now = (0, 0) if self._watching is None or self._watching.wanted is not watch.wanted else self._watching.looked()
        return watch.past[0] + now[0], watch.past[1] + now[1]

    def _graph(self) -> messages.WatchedGraph:
        assert self._watching is not None
        graph = self._watching.pipeline.graph
        nodes: list[messages.WatchedNode] = []
        for node in graph.order:
            to = graph.edges[node.name]
            nodes.append({"name": node.name, "edges": {str(int(e)): [e.name, to[e.name]] for e in node.edges}})
        return {
            "nodes": nodes,
            "sinks": [sink.name for sink in graph.sinks],
            "ports": {str(port.number): name for name, port in self._of.ports.open_ports.items()},
            "realtime_ns": time.time_ns() - time.monotonic_ns(),
        }

    # The workers

    def _settle(self) -> None:
        """Makes the workers do what is wanted now."""
        self._expire()
        wanted = self._watch.wanted if self._watch is not None else None
        needed = self._watch is not None or self._timing_until > time.monotonic()
        standing = self._watching
        if standing is not None and not (needed and standing.stands() and standing.wanted is wanted):
            self._end()
        if needed and self._watching is None:
            twin = self._built()
            if twin is not None:
                self._watching = Watching(self._of.crew, twin, wanted)
        if needed and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _end(self) -> None:
        assert self._watching is not None
        if self._watch is not None:
            if self._watching.wanted is self._watch.wanted:
                self._watch.past = self._looked(self._watch)
            self._watch.told = False
        self._past, self._past_bare = self._sums()
        self._watching.end()
        self._watching = None

    def _look(self) -> None:
        self._looking = None
        with suppress(BiseError):  # whoever asks is told
            self._settle()

    def _expire(self) -> None:
        if self._watch is not None and self._watch.until < time.monotonic():
            self._watch = None

    def _sums(self) -> tuple[dict[str, list[int]], list[int]]:
        """By node and of bare bursts: packets and cycles since the instance started."""
        if self._watching is None:
            return self._past, self._past_bare
        timing: Timing = self._watching.timing()
        names = [node.name for node in self._watching.pipeline.graph.order]
        sums = {name: list(pair) for name, pair in zip(names, timing.nodes, strict=True)}
        for name, pair in self._past.items():
            before = sums.setdefault(name, [0, 0])
            sums[name] = [before[0] + pair[0], before[1] + pair[1]]
        return sums, [one + other for one, other in zip(self._past_bare, timing.bare, strict=True)]

    def _built(self) -> Entry | None:
        """The twin of the pipeline in force; None while another process compiles it. Raises what that said."""
        pipeline = self._pipeline()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._twin is not None and self._twin[0] is pipeline:
            return self._twin[1]
        if self._compiling is None:
            self._compiling = asyncio.ensure_future(self._compile(pipeline))
        return None

    async def _compile(self, pipeline: Pipeline) -> None:
        try:
            self._twin = (pipeline, await build_twin(pipeline, self._cores, _NICE))
        except BiseError as failure:
            self._failure = failure
        finally:
            self._compiling = None
