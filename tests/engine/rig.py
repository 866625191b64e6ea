"""A pipeline that Python calls burst by burst: real packets of a real pool, their octets between guard pages.

What is punted arrives, a datagram each, at a socket. Nothing here runs by itself: no thread, no clock.
"""

import ctypes
import hashlib
import importlib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from bise.engine.crew import Crew
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import Graph
from bise.engine.pipeline import Pipeline, load, place
from bise.engine.watching import Wanted, Watching
from bise.engine.worker import BURST, LANE_ROOM, POLL, Queue
from bise.engine.writer import Driver, Source, write
from bise.hot import Entry, Region, load64, store64
from bise.ports.dpdk import eal, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.mbuf import BUFFER, Mbuf
from tests.engine.memory import Port, Ring
from tests.guarded import Guarded

KIND = 7
DRIVER = Driver(KIND, "tests.engine.memory")
PACKETS = 1023
_SLOTS = LANE_ROOM  # a power of two
_LINE = 256


@dataclass(frozen=True)
class Frame:
    """A packet to be received: `further` octets of it lie elsewhere; `low`: nothing may be touched in front of it."""

    octets: bytes
    further: int = 0
    low: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a burst: packets by sink, sent ones by their place in the burst, punted ones in order, copies of
    packets with the port that they left by."""

    sinks: dict[str, int]
    sent: dict[int, tuple[int, bytes]]
    punted: list[bytes]
    copies: list[tuple[int, bytes]] = field(default_factory=list)


class Rings:
    """A port with its two rings; `inbox` and `outbox` may be another's."""

    def __init__(self, slots: int = _SLOTS) -> None:
        octets = _LINE + 2 * (_LINE + 8 * slots)
        self._region = Region(octets, huge_pages=False)
        self.port = Port(self._region.address)
        self.inbox, self.outbox = Ring(self.port.address + _LINE), Ring(self.port.address + 2 * _LINE + 8 * slots)
        self.inbox.mask = self.outbox.mask = slots - 1
        self.port.inbox, self.port.outbox = self.inbox.address, self.outbox.address

    def put(self, packets: Sequence[int]) -> None:
        """As if they had come from the wire."""
        for packet in packets:
            store64(self.inbox.address + Ring.slots.offset + 8 * (self.inbox.head & self.inbox.mask), packet)
            self.inbox.head += 1

    def take(self) -> list[int]:
        """What was sent since the last time."""
        found = []
        while self.outbox.tail < self.outbox.head:
            found.append(load64(self.outbox.address + Ring.slots.offset + 8 * (self.outbox.tail & self.outbox.mask)))
            self.outbox.tail += 1
        return found


def build(graph: Graph, drivers: Sequence[Driver] = (DRIVER,)) -> Pipeline:
    """Over ports in memory. The cache knows nothing of the tests' own hot code: the pipeline's name has to."""
    named, path, module = _entry(write(graph, drivers), graph)
    return Pipeline(graph, named, path, module.burst, module.tick if graph.timers else None)


def twin(graph: Graph, drivers: Sequence[Driver] = (DRIVER,)) -> Entry:
    """The instrumented twin of the same."""
    burst: Entry = _entry(write(graph, drivers, watched=True), graph)[2].burst
    return burst


def _entry(source: Source, graph: Graph) -> tuple[Source, Path, ModuleType]:
    ours = sorted({DRIVER.module} | {node.module for node in graph.order if node.module.startswith("tests.")})
    texts = [Path(str(importlib.import_module(name).__file__)).read_bytes() for name in ours]
    named = Source(f"{source.text}# {hashlib.sha256(b''.join(texts)).hexdigest()}\n", source.states)
    path = place(named)
    return named, path, load(path)


def open_pool(packets: int = PACKETS) -> Pool:
    """DPDK's, without huge pages, so that everybody can run it."""
    eal.start("rig", huge_pages=False)
    return Pool(packets, huge_pages=False)


class Rig:
    """`graph` over `ports` ports in memory. `states`: address by each state's record class."""

    def __init__(self, graph: Graph, ports: int, states: Mapping[type, int], overload: int = 0) -> None:
        self.graph, self.pool = graph, open_pool()
        self.ports = [Rings() for _ in range(ports)]
        self._guarded = [Guarded(pages=1) for _ in range(BURST)]
        self._punts, punting = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._punting = punting.detach()
        self.crew = Crew([0], POLL, _nothing, _nothing)
        (self.member,) = self.crew.members
        self.pipeline = build(graph)
        self._states, self._overload = states, overload
        self.publish(ports)
        self.worker = self.member.record
        self.worker.now = 1 << 40
        self._burst = self.pipeline.burst
        self.watching: Watching | None = None

    def publish(self, ports: int) -> None:
        """From now on the worker has the first `ports` alone."""
        queues = [
            ReceiveQueue(number, KIND, rings.port.address, 0, self._overload, -1, self._punting)
            for number, rings in enumerate(self.ports[:ports])
        ]
        lanes = [TransmitLane(number, KIND, rings.port.address) for number, rings in enumerate(self.ports[:ports])]
        names = {f"{kind.__module__}.{kind.__qualname__}": address for kind, address in self._states.items()}
        self.crew.publish(self.pipeline, [Duty(tuple(queues), tuple(lanes))], names)

    def watch(self, wanted: Wanted | None) -> None:
        """From now on every burst goes through the instrumented twin."""
        self._burst = twin(self.graph)
        self.watching = Watching(self.crew, self._burst, wanted)

    def queue(self, port: int) -> Queue:
        """The worker's record of a port's queue."""
        assert self.member.plan is not None
        return self.member.plan.queues[port]

    def run(self, port: int, frames: Sequence[Frame], step_ns: int = 1_000_000) -> Outcome:
        """A burst received on a port, `step_ns` after the one before."""
        packets = self.pool.get(len(frames))
        for number, (packet, frame) in enumerate(zip(packets, frames, strict=True)):
            self._lay(packet, number, frame)
        self.ports[port].put(packets)
        self.worker.now += step_ns
        before = self.crew.sums()
        assert self._burst(self.worker.address, self.worker.plan, self.queue(port).address) == len(frames)
        sent, copies = {}, []
        for egress, rings in enumerate(self.ports):
            taken = rings.take()
            sent |= {packets.index(packet): (egress, _octets(packet)) for packet in taken if packet in packets}
            copies += [(egress, _octets(packet)) for packet in taken if packet not in packets]
            self.pool.put(taken)
        for packet in packets:
            Mbuf(packet).buf_addr = packet + BUFFER
        return Outcome(dict(self.crew.sums() - before), sent, self._punted(), copies)

    def _lay(self, packet: int, number: int, frame: Frame) -> None:
        mbuf = Mbuf(packet)
        mbuf.buf_addr = self._guarded[number].put(frame.octets, frame.low)
        mbuf.data_off, mbuf.data_len = 0, len(frame.octets)
        mbuf.pkt_len = len(frame.octets) + frame.further

    def _punted(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self._punts.recv(4096, socket.MSG_DONTWAIT))
            except BlockingIOError:
                return found

    def close(self) -> None:
        """AssertionError if a packet was lost."""
        assert self.pool.available() == PACKETS
        self.pool.close()
        self._punts.close()
        os.close(self._punting)


def _octets(packet: int) -> bytes:
    mbuf = Mbuf(packet)
    return ctypes.string_at(mbuf.buf_addr + mbuf.data_off, mbuf.data_len)


def _nothing() -> None:
    pass


def register() -> None:
    """Makes a worker's thread known to the pool."""
    shim.call("worker", "bise_thread_register")


def unregister() -> None:
    shim.attempt("bise_thread_unregister")
