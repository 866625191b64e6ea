"""The features of a state and the pipeline over them, led by hand: a packet goes in, and what becomes of it comes out.

The pipeline is the one that the product would run: written by the same writer from the same graph. Each packet is a
burst of its own, so that what was counted says which way it took.
"""

import ctypes
import itertools
import linecache
import os
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from bise.control.mirror import Mirror
from bise.control.still import StillNetwork
from bise.engine.crew import PORTS, Crew
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import Graph
from bise.engine.node import Drop, Node, Part, Punt, Sink
from bise.engine.pipeline import Pipeline, build
from bise.engine.worker import POLL
from bise.engine.writer import Driver, write
from bise.features.feature import MakeFeatures, PortFacts, Surroundings, graph_of, states_of
from bise.hot import MODE, Mode
from bise.offline.state import State
from bise.ports.tray import ROOM, Trays
from bise.tables.retire import immediately

_TRAY = Driver(0, "bise.ports.tray")
_TOGETHER = 4096
Watch = Callable[[Node, Any, int], None]
"""Told of a node, of the packet's notes as it left them, and of the number of the edge that it chose."""


@dataclass(frozen=True)
class Fate:
    """What became of a packet. `sink`: where its way ended; `sent`: what left, by which port, and how long it was (more
    than the octets at hand where the rest lies elsewhere)."""

    sink: Sink
    sent: tuple[tuple[PortFacts, bytes, int], ...] = ()

    @property
    def verdict(self) -> str:
        """transmit, drop or punt."""
        return type(self.sink).__name__.lower()

    @property
    def reason(self) -> str:
        """Of a drop or a punt, by the name that `bise drops` and `bise punts` use; else empty."""
        return self.sink.reason if isinstance(self.sink, Drop | Punt) else ""

    @property
    def meaning(self) -> str:
        """The same as a sentence."""
        return self.sink.meaning if isinstance(self.sink, Drop | Punt) else ""


@dataclass(frozen=True)
class Users:
    """Parts besides the features', and the address of each record of their nodes' states, by `module.class`."""

    parts: tuple[Part, ...] = ()
    states: Mapping[str, int] = field(default_factory=dict)


NOBODY = Users()


class Router:
    """The router of a state. A context manager. `watch`: called after each node, where nothing is compiled."""

    def __init__(
        self,
        state: State,
        make_features: MakeFeatures,
        start: str,
        watch: Watch | None = None,
        users: Users = NOBODY,
    ) -> None:
        self.state, self.network = state, StillNetwork(bare=state.bare)
        self._nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)  # where punted packets are written to
        surroundings = Surroundings(cast(Mirror, self.network), immediately, PORTS, drawn=dict(state.drawn))
        self.features = make_features(surroundings)
        self._tell()
        incomplete = any(port.incomplete_checksums for port in state.ports)
        self.graph = graph_of(self.features, start, incomplete, users.parts)
        self._ports = {port.number: port for port in state.ports}
        self._trays = Trays(max(self._ports, default=0) + 1)
        self.pipeline = _interpreted(self.graph, watch) if MODE is Mode.INTERPRETED else build(self.graph, [_TRAY])
        self._crew = Crew([0], POLL, _nothing, _nothing)
        self._publish(users.states)

    def _tell(self) -> None:
        """Ports first, so that routes find them; then all that the mirror held, in its order."""
        for feature in self.features:
            feature.set_settings(self.state.settings)
            for port in self.state.ports:
                feature.set_port(port)
        self.network.fill(self.state.objects)
        changes = self.network.added()
        while some := list(itertools.islice(changes, _TOGETHER)):
            for feature in self.features:
                feature.follow(some)

    def _publish(self, others: Mapping[str, int]) -> None:
        queues = [
            ReceiveQueue(number, 0, self._trays.address(number), 0, 0, -1, self._nowhere) for number in self._ports
        ]
        lanes = [TransmitLane(number, 0, self._trays.address(number)) for number in self._ports]
        states = {**states_of(self.features), **others}
        self._crew.publish(self.pipeline, [Duty(tuple(queues), tuple(lanes))], states)
        (member,) = self._crew.members
        assert member.plan is not None
        self._worker, self._plan = member.record, member.plan
        self._queues = {queue.port: queue.address for queue in self._plan.queues}

    def lead(self, port: PortFacts, octets: bytes, now: int, total: int = 0) -> Fate:
        """Leads a packet received on `port` through the pipeline at the time `now`, in ns. `total`: its length where
        that is more than the octets at hand. The packet goes as far as its first ROOM octets lie in one piece."""
        total = max(total, len(octets))
        self._trays.lay(port.number, octets[:ROOM], total)
        self._worker.now = now
        before = self._counts()
        self.pipeline.burst(self._worker.address, self._plan.record.address, self._queues[port.number])
        after = self._counts()
        sent = tuple(self._sent(octets))
        ended = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if new > old]
        # The first is transmit: what was sent besides, copies, doesn't say where the packet itself ended.
        return Fate(self.graph.sinks[max(ended, default=0)], sent)

    def _sent(self, octets: bytes) -> Iterator[tuple[PortFacts, bytes, int]]:
        for port in self._ports.values():
            for front, total in self._trays.take(port.number):
                rest = octets[ROOM:] if len(front) == ROOM and total > ROOM else b""
                yield port, front + rest, total

    def _counts(self) -> Sequence[int]:
        return memoryview(ctypes.string_at(self._plan.counts, 8 * len(self.graph.sinks))).cast("q")

    def counters(self) -> Mapping[str, int]:
        """Packets by the name of the sink where they ended."""
        return self._crew.sums()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives all memory back."""
        for feature in self.features:
            feature.close()
        self._trays.close()
        os.close(self._nowhere)


def _interpreted(graph: Graph, watch: Watch | None) -> Pipeline:
    """The same source as plain Python, whose lines a debugger shows."""
    source = write(graph, [_TRAY])
    module = types.ModuleType("pipeline")
    name = f"<pipeline {id(module):#x}>"
    linecache.cache[name] = (len(source.text), None, source.text.splitlines(keepends=True), name)
    exec(compile(source.text, name, "exec"), vars(module))
    if watch is not None:
        _watch(graph, module, watch)
    return Pipeline(graph, source, name, module.burst, module.tick if graph.timers else None)  # type: ignore[arg-type]


def _watch(graph: Graph, module: types.ModuleType, watch: Watch) -> None:
    """Puts a watched function in the place of each node's."""
    by_function = {node.function: node for node in graph.order}
    for name, value in list(vars(module).items()):
        node = by_function.get(value) if isinstance(value, types.FunctionType) else None
        if node is not None:
            setattr(module, name, _watched(node, watch))


def _watched(node: Node, watch: Watch) -> Callable[..., int]:
    def run(packet: Any, state: Any, now: int) -> int:
        edge = node.function(packet, state, now)
        watch(node, packet, edge)
        return edge

    return run


def _nothing() -> None:
    """A worker that is led by hand has no thread."""
