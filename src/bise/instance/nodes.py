"""Users' nodes in a running instance: files that come, change and go, and the records that their nodes write.

A file goes its whole way (read, tried out by another process, placed in the graph, compiled beside the traffic) before
anything that runs is touched. Each worker writes a record of its own, so that none waits for another's cache line.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bise.control import messages
from bise.control.socket import Verb
from bise.engine.graph import Graph, GraphError
from bise.engine.node import NoState, Part
from bise.engine.nodefile import NodeError, NodeFile, line_of, load, read
from bise.engine.packet import NO_PORT
from bise.engine.trial import try_elsewhere
from bise.errors import BiseError
from bise.instance.records import Records, Write, differences, same_layout
from bise.offline.state import UsersFile

if TYPE_CHECKING:
    from bise.instance.instance import Instance

_log = logging.getLogger(__name__)


class Held:
    """A file in force, and the memory of its records by their names."""

    def __init__(self, file: NodeFile, workers: int, before: "Held | None") -> None:
        self.file = file
        self.records: dict[str, Records] = {}
        for kind in file.states:
            kept = before.records.get(kind.__qualname__) if before is not None else None
            fits = kept is not None and same_layout(kept.kind, kind)
            self.records[kind.__qualname__] = kept.under(kind) if fits and kept else Records(kind, workers)

    def states(self) -> dict[str, Sequence[int]]:
        """Addresses by the names that the pipeline knows the records by."""
        return {f"{one.kind.__module__}.{name}": one.addresses for name, one in self.records.items()}

    def prepared(self, ports: Mapping[str, int]) -> list[Write]:
        """What the file's `prepare` would write; touches nothing. Raises NodeError."""
        prepare, path = self.file.prepare, self.file.written.path
        if prepare is None:
            return []
        try:
            return [
                write
                for record in self.records.values()
                for write in differences(record, lambda state: prepare(state, ports))
            ]
        except Exception as error:
            raise NodeError(path, line_of(error, path), f"prepare: {type(error).__name__}: {error}") from None

    def told(self) -> UsersFile:
        """For a state; what the nodes remember is what the first worker's do."""
        written = self.file.written
        records = {
            name: {field: record.values(field)[0] for field in record.kind.fields}
            for name, record in self.records.items()
            if record.kind.fields
        }
        return UsersFile(written.name, str(written.path), written.digest, written.sha256, records)

    def remember(self, records: Mapping[str, Mapping[str, int]]) -> None:
        """What they remembered when that was told; a class that has other fields now begins anew."""
        for name, record in self.records.items():
            before = records.get(name, {})
            if set(before) == set(record.kind.fields):
                for address, (field, value) in itertools.product(record.addresses, before.items()):
                    setattr(record.kind(address), field, value)

    def close(self, but: Iterable[int] = ()) -> None:
        """Gives the memory back, save that at these addresses."""
        for record in self.records.values():
            if record.addresses[0] not in but:
                record.close()


def fitted(files: Sequence[NodeFile], build: Callable[[Iterable[Part]], Graph]) -> Graph:
    """The graph that `build` makes with the files' parts. Raises NodeError where one of them doesn't fit."""
    try:
        return build([file.part for file in files])
    except GraphError as error:
        named = ((file, node) for file in files for node in file.nodes if node.name in str(error))
        file, node = next(named, (None, None))
        if file is None:
            raise
        raise file.fault(str(error), node) from None


def tried(path: Path, build: Callable[[Iterable[Part]], Graph]) -> Graph:
    """Reads a file, tries it out and places it, without a running instance. Raises BiseError, mostly NodeError."""
    written = read(path)
    asyncio.run(try_elsewhere([written]))
    return fitted([load(written)], build)


class UserNodes:
    """The files of one instance. Used by the control thread alone."""

    def __init__(self, of: "Instance") -> None:
        self._of, self._turn = of, asyncio.Lock()
        self._under_way: asyncio.Future[messages.NodeChanged] | None = None
        self._held: dict[str, Held] = {}
        self._nothing = Records(NoState, 1)

    @property
    def files(self) -> list[NodeFile]:
        """Those in force, in the order in which they came."""
        return [held.file for held in self._held.values()]

    def told(self) -> list[UsersFile]:
        """For a state, in the order in which the files came."""
        return [held.told() for held in self._held.values()]

    def states(self) -> Mapping[str, int | Sequence[int]]:
        """Addresses for the plan that is to be published; what depends on ports is filled in first."""
        ports = self._ports()
        for held in self._held.values():
            try:
                for write in held.prepared(ports):
                    write()
            except NodeError as error:
                _log.warning("%s", error)
        found = {name: places for held in self._held.values() for name, places in held.states().items()}
        return {f"{NoState.__module__}.{NoState.__qualname__}": self._nothing.addresses[0], **found}

    def _ports(self) -> dict[str, int]:
        """Numbers of the ports that were asked for; NO_PORT for one that is lost."""
        found = {name: port.number for name, port in self._of.ports.open_ports.items()}
        return {spec.name: found.get(spec.name, NO_PORT) for spec in self._of.wanted.ports}

    async def begin(self, paths: Sequence[Path]) -> None:
        """Before the first pipeline: with these files. Raises NodeError."""
        found: dict[str, Held] = {}
        written = [read(path) for path in paths]
        await try_elsewhere(written)
        for one in written:
            if one.name in found:
                raise NodeError(one.path, 0, f"two files are named {one.name}; name one of them otherwise")
            found[one.name] = self._hold(load(one))
        for held in found.values():
            held.prepared(self._ports())
        self._held = found
        self.graph([held.file for held in found.values()])

    def _hold(self, file: NodeFile) -> Held:
        known = {kind for feature in self._of.features for kind in feature.states()}
        for node in file.nodes:
            if node.state is not NoState and node.state not in known and node.state not in file.states:
                raise file.fault(f"{node.state.__name__}, the state of {node.name}, is none of this file's", node)
        return Held(file, len(self._of.wanted.cores), self._held.get(file.name))

    def graph(self, files: Sequence[NodeFile]) -> Graph:
        """With these files' nodes. Raises NodeError where one of them doesn't fit."""
        return fitted(files, self._of.graph)

    async def _change(self, files: Sequence[NodeFile]) -> None:
        """Makes the pipeline one with these files, and runs it; until then, everything is as it was."""
        pipeline = await self._of.compiled(self.graph(files))
        self._must_forward()
        before, held = self._held, dict[str, Held]()
        try:
            for file in files:
                held[file.name] = self._hold(file)
                held[file.name].prepared(self._ports())
        except NodeError:
            _close(held, kept=before)
            raise
        self._held = held
        self._of.run_through(pipeline)
        self._of.crew.epochs.retire(lambda: _close(before, kept=held))

    def _must_forward(self) -> None:
        if not self._of.standing.ready:
            raise BiseError(f"bise {self._of.wanted.name!r} is {self._of.state}; nodes come and go while it forwards")

    # What is asked over the control socket

    def verbs(self) -> Mapping[str, Verb]:
        """By name, for the control socket."""
        return {"nodes": self.listed, "node-add": self.add, "node-reload": self.reload, "node-remove": self.remove}

    async def add(self, arguments: dict[str, Any]) -> messages.NodeChanged:
        """Takes the file `path` in, behind those that are there."""
        return await self._in_turn(lambda: self._added(Path(str(arguments.get("path")))))

    async def _added(self, path: Path) -> messages.NodeChanged:
        written = read(path)
        if written.name in self._held:
            why = f"a file of that name is there already; `bise node reload {written.name}` takes its changes in"
            raise NodeError(written.path, 0, why)
        return await self._with(written.path, "added")

    async def reload(self, arguments: dict[str, Any]) -> messages.NodeChanged:
        """Reads the file called `name` again."""
        return await self._in_turn(lambda: self._with(self._find(arguments).file.written.path, "changed"))

    async def _with(self, path: Path, action: str) -> messages.NodeChanged:
        begun, written = time.monotonic_ns(), read(path)
        held = self._held.get(written.name)
        if held is not None and held.file.written == written:
            return {"name": written.name, "action": "unchanged", "took_ns": 0}
        await try_elsewhere([written])
        files = {file.name: file for file in self.files} | {written.name: load(written)}
        await self._change(list(files.values()))
        took = time.monotonic_ns() - begun
        _log.info("node %s: %s", written.name, action)
        return {"name": written.name, "action": action, "took_ns": took}  # type: ignore[typeddict-item]

    async def remove(self, arguments: dict[str, Any]) -> messages.NodeChanged:
        """Leaves the file called `name` out from now on."""
        return await self._in_turn(lambda: self._without(self._find(arguments).file.name))

    async def _without(self, name: str) -> messages.NodeChanged:
        begun = time.monotonic_ns()
        await self._change([file for file in self.files if file.name != name])
        _log.info("node %s: removed", name)
        return {"name": name, "action": "removed", "took_ns": time.monotonic_ns() - begun}

    async def _in_turn(self, change: Callable[[], Coroutine[Any, Any, messages.NodeChanged]]) -> messages.NodeChanged:
        """One change after the other; nobody who wants an end waits for the compiler."""
        async with self._turn:
            self._must_forward()
            self._under_way = asyncio.ensure_future(change())
            try:
                return await self._under_way
            except asyncio.CancelledError:
                raise BiseError(f"bise {self._of.wanted.name!r} is stopping; nothing was changed") from None

    async def stop(self) -> None:
        """Gives up what is under way, and lets who asked for it know."""
        if self._under_way is not None and self._under_way.cancel():
            await asyncio.wait([self._under_way])
            await asyncio.sleep(0)

    def _find(self, arguments: dict[str, Any]) -> Held:
        name = str(arguments.get("name"))
        if name not in self._held:
            there = ", ".join(self._held) or "none"
            raise BiseError(f"no file of the name {name}; there are {there} (`bise nodes`)")
        return self._held[name]

    def listed(self, arguments: dict[str, Any]) -> list[messages.UserNode]:
        """Each file in force, where its nodes stand and what they remember."""
        return [self._listed(held) for held in self._held.values()]

    def _listed(self, held: Held) -> messages.UserNode:
        file, pipeline = held.file, self._of.pipeline
        edges = pipeline.graph.edges if pipeline is not None else {}
        return {
            "name": file.name,
            "path": str(file.written.path),
            "digest": file.written.digest,
            "changed": _has_changed(file),
            "nodes": [
                {"name": node.name, "behind": _behind(edges, node.name), "leads": edges.get(node.name, {})}
                for node in file.nodes
            ],
            "state": {
                f"{name}.{field}": record.values(field)
                for name, record in held.records.items()
                for field in record.kind.fields
            },
        }

    def close(self) -> None:
        """No worker is left."""
        _close(self._held, kept={})
        self._nothing.close()


def _close(files: Mapping[str, Held], kept: Mapping[str, Held]) -> None:
    """Gives the memory of `files` back, save what `kept` uses as well."""
    used = {record.addresses[0] for held in kept.values() for record in held.records.values()}
    for held in files.values():
        held.close(used)


def _behind(edges: Mapping[str, Mapping[str, str]], name: str) -> list[str]:
    return [f"{node} {edge}" for node, targets in edges.items() for edge, target in targets.items() if target == name]


def _has_changed(file: NodeFile) -> bool:
    """Whether the file says something else by now, or is gone."""
    try:
        return file.written.path.read_text() != file.written.text
    except (OSError, UnicodeDecodeError):
        return True
