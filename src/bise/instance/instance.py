"""The life of an instance: everything opened in order, Linux followed, and given back in the opposite order.

Traffic is the kernel's until the workers run and know all that Linux wants, and again whenever that is in doubt: first
a word in the steering program, then the slow rest.
"""

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from bise.control.changes import Change, Removed, Rerouted
from bise.control.config import Configuration
from bise.control.gates.gate import Gate
from bise.control.gates.settings import Settings
from bise.control.gates.watch import Watch
from bise.control.listeners import Listeners
from bise.control.mirror import Mirror
from bise.control.objects import Link, NeighbourKey
from bise.control.socket import ControlServer
from bise.control.systemd import Supervisor
from bise.engine import worker
from bise.engine.crew import PORTS, Crew
from bise.engine.graph import Graph
from bise.engine.node import Part
from bise.engine.pipeline import Pipeline, build_elsewhere, compile_declared
from bise.errors import BiseError
from bise.features.feature import Feature, PortFacts, Surroundings, graph_of, states_of
from bise.instance import gating
from bise.instance.attachment import Attachments
from bise.instance.draining import drain
from bise.instance.gating import Standing
from bise.instance.memory import open_memory
from bise.instance.nodes import UserNodes
from bise.instance.succession import HandOver, Predecessor, find_predecessor
from bise.instance.watchdog import Watchdog
from bise.ports.dpdk import shim
from bise.ports.kernel import KernelPort
from bise.ports.owned import OwnedPort

_log = logging.getLogger(__name__)
_MODES = {"poll": worker.POLL, "adaptive": worker.ADAPTIVE, "interrupt": worker.INTERRUPT}
_TICK_S = 0.02
_WRITE_BACK_TICKS = 50
_LATELY_NS = 3_000_000_000
_BESIDE_NICE = 5  # of the process that compiles while packets are forwarded
# The sysctls that the fast path follows by itself; every other one that matters is a gate (control/gates/settings.py).
NATIVE = frozenset({"send-redirects", "bc-forwarding", "mtu6", "rp-filter", "use-neigh"})


class InstanceError(BiseError):
    """It could not go on."""


class Instance:
    """One Bise. `make_features` is given the surroundings and returns the features; `start` names the entry node."""

    def __init__(
        self, wanted: Configuration, make_features: Callable[[Surroundings], list[Feature]], start: str
    ) -> None:
        self.wanted, self._make_features, self._start_node = wanted, make_features, start
        self.state = "starting"
        self.begun_ns = time.monotonic_ns()
        self.version = version("bise")  # of what runs: meanwhile another one may be installed
        self.confirm_by_ns: int | None = None
        self.standing = Standing()
        self.listeners = Listeners()
        self.settings = Settings()
        self.features: list[Feature] = []
        self.pipeline: Pipeline | None = None
        self.attachments = Attachments(self)
        self.user_nodes = UserNodes(self)
        self.hand_over = HandOver(self)
        self._predecessor: Predecessor | None = None
        self._opened = AsyncExitStack()
        self._stop = asyncio.Event()
        self.drawn: dict[str, int] = {}
        self._ticks = 0
        self.failure = ""
        self._offload = False  # whether some port has ever come without checksums

    @property
    def facts(self) -> Mapping[str, PortFacts]:
        """The ports by name, as the features were told of them."""
        return self.attachments.facts

    async def run(self) -> None:
        """Until a signal, `confirm` running out, or a worker's death. Raises BiseError where it can't begin."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        self.supervisor = Supervisor()
        async with self._opened:
            await self._unless_stopped(self._open())
            await self._stop.wait()
            self.state = "stopping"
            if not self.hand_over.begun:
                self.supervisor.stopping()
            self._give_back()
            await self.user_nodes.stop()
        if self.failure:
            raise InstanceError(self.failure)

    async def _unless_stopped(self, beginning: Coroutine[Any, Any, None]) -> None:
        """Compiling may take a minute: nobody who wants an end waits for it."""
        opening, stopping = asyncio.ensure_future(beginning), asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening

    async def _listen(self, succeeds: bool) -> None:
        from bise.instance.insight import Insight
        from bise.instance.replies import Replies

        self.server = ControlServer(self.wanted.name, succeeds=succeeds)
        self._opened.push_async_callback(self.server.close)
        self.insight = Insight(self, self._other_cores())
        talkers = (Replies(self), self.user_nodes, self.insight, self.hand_over)
        await self.server.start({name: verb for one in talkers for name, verb in one.verbs().items()})

    async def _open(self) -> None:
        if self.wanted.replaces:
            self._predecessor = find_predecessor(self.wanted)
        succeeds = self._predecessor is not None
        await self._listen(succeeds)
        if succeeds:
            await compile_declared(self._other_cores(), _BESIDE_NICE)
        else:
            await compile_declared()  # on the workers' cores, too, where nobody works yet
        self.pool, self.local_addresses, self.ports = open_memory(self.wanted, self._opened, succeeds)
        self.mirror = Mirror()
        self._opened.callback(self.mirror.close)
        self._opened.push_async_callback(self.mirror.stop)
        self.crew = Crew(self.wanted.cores, _MODES[self.wanted.mode], _register, _unregister)
        surroundings = Surroundings(self.mirror, self.crew.epochs.retire, PORTS, drawn=self.drawn)
        self.features = self._make_features(surroundings)
        for feature in self.features:
            self._opened.callback(feature.close)
        self._opened.callback(self.user_nodes.close)
        self._open_ports()
        self.watchdog = Watchdog(self.crew)
        self._opened.callback(self.watchdog.leave_if_stuck)
        self._opened.callback(self._close_ports)
        self._opened.push_async_callback(self.hand_over.answer)
        self._opened.callback(self._release_ports)
        # With the workers gone, the end may be on their cores, too: the others may be full.
        self._opened.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        self._opened.callback(self.watchdog.stop_workers)
        self._opened.push_async_callback(self.insight.close)
        self.mirror.subscribe(self._changed)
        self.mirror.watch_clean(self._set_clean)
        gc.disable()  # a full table is a million objects that stay: not to be gone through again and again
        self.mirror.start(asyncio.get_running_loop())
        self.state = "compiling"
        await self._compile()
        await self.mirror.synchronised()
        gc.freeze()
        gc.enable()
        await self._begin()

    def _open_ports(self) -> None:
        self.watch = Watch([spec.name for spec in self.wanted.ports], self._gated, NATIVE)
        self._opened.callback(self.watch.close)
        try:
            links = self._predecessor.links if self._predecessor is not None else {}
            for spec in self.wanted.ports:
                self.attachments.opened(self.ports.open(spec, links.get(spec.name, 0)))
        except BaseException:
            self._close_ports()
            raise

    def graph(self, users: Iterable[Part] | None = None) -> Graph:
        """The graph of the configuration that is running, or with these instead of the users' parts that run."""
        # Ports that were lost may come back: what the first ones needed stays.
        self._offload |= any(port.incomplete_checksums for port in self.ports.open_ports.values())
        own = [file.part for file in self.user_nodes.files] if users is None else list(users)
        return graph_of(self.features, self._start_node, self._offload, own)

    async def _compile(self) -> None:
        others = self._other_cores()
        if others:
            os.sched_setaffinity(0, others)  # the workers' cores are theirs alone
        self._drivers = self.ports.drivers()
        await self.user_nodes.begin(self.wanted.nodes)
        nice = _BESIDE_NICE if self._predecessor is not None else 0
        self.pipeline = await build_elsewhere(self.graph(), self._drivers, others, nice)

    async def compiled(self, graph: Graph) -> Pipeline:
        """Another pipeline for the same ports, made beside the traffic."""
        return await build_elsewhere(graph, self._drivers, self._other_cores(), _BESIDE_NICE)

    def run_through(self, pipeline: Pipeline) -> None:
        """From their next rounds on, the workers lead packets through this pipeline."""
        self.pipeline = pipeline
        self.publish()

    def _other_cores(self) -> list[int]:
        """Those that are not the workers'."""
        return sorted(set(os.sched_getaffinity(0)) - set(self.wanted.cores))

    async def _begin(self) -> None:
        """Everything is known: the workers start, and, when each has lent packets to its sockets, the gates open."""
        self.publish()
        self.watch.start()
        worker.work.compile()
        if self._predecessor is not None:
            await self._take_over(self._predecessor)
        self.crew.start()
        while all(self.crew.running()) and not self.crew.all_turning():
            await asyncio.sleep(0.001)
        self._set_standing(ready=True, clean=self.mirror.clean, gates=self.watch.gates)
        asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        if self.wanted.confirm_ns is not None:
            self.confirm_by_ns = time.monotonic_ns() + self.wanted.confirm_ns
        self.supervisor.ready(self.state)
        _log.info("%s: %s", self.wanted.name, self.state)

    async def _take_over(self, predecessor: Predecessor) -> None:
        """From its sockets, programs and name to ours; the kernel forwards meanwhile. Raises BiseError."""
        ports = [port for port in self.ports.open_ports.values() if isinstance(port, KernelPort) and port.succeeds]
        handed_over = predecessor.hand_over(port.name for port in ports)
        self.supervisor.address = handed_over["supervisor"] or self.supervisor.address
        for port in ports:
            if port.name in handed_over["tags_taken_out"]:
                port.steering.inherit()
            port.take_over()
            self.attachments.opened(port)
        await self.server.take_over()

    def publish(self) -> None:
        """Workers' next rounds are those of the pipeline, the ports and the states as they are now."""
        assert self.pipeline is not None
        states = {**states_of(self.features), **self.user_nodes.states()}
        self.crew.publish(self.pipeline, self.ports.duties(), states)

    # What Linux says

    def _changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Rerouted):
                continue
            link = change.old if isinstance(change, Removed) else change.new
            if isinstance(link, Link):
                self.attachments.link_changed(link, change)
        self.local_addresses.follow(changes)
        for feature in self.features:
            feature.follow(changes)
        overflow = {family: why for feature in self.features for family, why in feature.overflow().items()}
        full = gating.full_tables(overflow)
        if full != self.standing.overflow:
            for gate in full:
                _log.warning("%s", gate.reason)
            self._set_standing(overflow=full)

    # What may forbid

    def _gated(self, gates: tuple[Gate, ...], settings: Settings) -> None:
        self.settings = settings
        for feature in self.features:
            feature.set_settings(settings)
        if self.standing.ready:
            self._set_standing(gates=gates)

    def _set_clean(self, clean: bool) -> None:
        self._set_standing(clean=clean)

    def _set_standing(self, **changed: Any) -> None:
        self.standing = replace(self.standing, **changed)
        self.apply_gates()

    def apply_gates(self) -> None:
        """Gate words, and what features know of gates, are as the standing says."""
        wanted = gating.words(self.standing, self.ports.open_ports)
        for name, port in self.ports.open_ports.items():
            if isinstance(port, KernelPort) and not self.attachments.is_fresh(name):
                port.steering.set_gate(wanted[name])
            link = self.mirror.links.get(port.ifindex)
            if link is not None:
                self.attachments.tell(port, link)
        if self.standing.ready and self.state != "stopping":
            self.state = "gated" if wanted and all(word & word.PASS_ALL for word in wanted.values()) else "forwarding"

    # Time

    def _tick(self) -> None:
        if self._stop.is_set():
            return
        self._ticks += 1
        self.crew.epochs.advance()
        if self._ticks % _WRITE_BACK_TICKS == 0:
            self._write_back()
            self._tend_owned()
            self.attachments.seek_lost(self.mirror.links.values())
            self.listeners.look({port.ifindex: name for name, port in self.ports.open_ports.items()})
            self.supervisor.alive()
        self.failure = self.watchdog.look()
        if self.failure:
            self._stop.set()
        if self.confirm_by_ns is not None and time.monotonic_ns() > self.confirm_by_ns:
            _log.warning("nobody confirmed: giving the interfaces back")
            self._stop.set()
        asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tend_owned(self) -> None:
        for port in self.ports.open_ports.values():
            if isinstance(port, OwnedPort):
                port.tend(time.monotonic_ns(), self.crew.settle)

    def _write_back(self) -> None:
        """Linux is told which neighbours carry packets that it doesn't see, so that it keeps and probes them."""
        now = time.monotonic_ns()
        known = (item for feature in self.features for item in feature.used_neighbours(now).items())
        used = [key for key, ago in known if ago < _LATELY_NS]
        if used:
            self.mirror.use_neighbours([NeighbourKey(*key) for key in used])

    # The end

    def _give_back(self) -> None:
        """The kernel's again, before anything is taken down; what workers hold is sent."""
        if self.standing.ready:
            self._set_standing(ready=False)
            if not self.failure:
                drain(self.ports.open_ports.values())

    def stop(self) -> None:
        """Ends it, in an orderly way."""
        self._stop.set()

    def _release_ports(self) -> None:
        for port in self.ports.open_ports.values():
            if isinstance(port, KernelPort):
                port.release()

    def _close_ports(self) -> None:
        for name in list(self.ports.open_ports):
            self.ports.forget(name).close()


def _register() -> None:
    shim.call("worker", "bise_thread_register")


def _unregister() -> None:
    shim.attempt("bise_thread_unregister")
