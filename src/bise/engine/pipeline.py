"""From a graph to a running burst function: written, compiled by another process, loaded from the cache, swapped in.

The process that compiles is spawned, has low priority and stays off the workers' cores; it leaves its result in the
cache folder, where the daemon finds it. What is already there costs a file name and a load.
"""

import asyncio
import hashlib
import importlib.util
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from bise.engine import nodefile
from bise.engine.graph import Graph
from bise.engine.writer import Driver, Source, write
from bise.errors import BiseError
from bise.hot import MODE, Entry, Mode, declared, libraries
from bise.hot.cache import folder

_SIDE_BY_SIDE = 2  # more would only import the compiler once more each: the modules are few


class PipelineError(BiseError):
    """The pipeline didn't compile."""


@dataclass(frozen=True)
class Pipeline:
    """A compiled graph: `burst` is its entry, `tick` the one that calls its timers, `source` what was compiled."""

    graph: Graph
    source: Source
    path: pathlib.Path
    burst: Entry
    tick: Entry | None = None
    drivers: tuple[Driver, ...] = ()


def place(source: Source) -> pathlib.Path:
    """Writes the module's text where its compiled form will lie beside it; the name is a digest of the text."""
    name = hashlib.sha256(source.text.encode()).hexdigest()[:16]
    path = folder() / f"pipeline_{name}.py"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(source.text)
        draft.rename(path)
    return path


def load(path: pathlib.Path) -> ModuleType:
    """Imports a pipeline module; compiles it here and now if nobody did before."""
    name = f"bise_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PipelineError(f"{path} is no module")
    nodefile.findable()
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def build(graph: Graph, drivers: Sequence[Driver]) -> Pipeline:
    """Writes, compiles in this process where need be, and loads."""
    source = write(graph, drivers)
    pipeline = _laid(graph, drivers, source, place(source))
    _compile(pipeline)
    return pipeline


def _laid(graph: Graph, drivers: Sequence[Driver], source: Source, path: pathlib.Path) -> Pipeline:
    """Not compiled yet."""
    module = load(path)
    return Pipeline(graph, source, path, module.burst, module.tick if graph.timers else None, tuple(drivers))


def _compile(pipeline: Pipeline) -> None:
    """Takes from the cache what is there."""
    for entry in filter(None, (pipeline.burst, pipeline.tick)):
        entry.compile()


async def compile_elsewhere(modules: Sequence[str], done: pathlib.Path, cores: Sequence[int], nice: int) -> None:
    """Another process fills the cache with the entries of `modules` (names or files), unless `done` says it did.

    On the given cores (none: any), `nice` steps below our priority. Raises PipelineError with what it said.
    """
    if MODE is Mode.INTERPRETED or done.exists():
        return
    place = (str(os.getpid()), ",".join(map(str, cores)), str(nice), ":".join(libraries()))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bise.engine.fill", *place, *modules),
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C on a terminal is for us
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        what = " ".join(modules)
        raise PipelineError(f"{what} doesn't compile:\n{said.decode(errors='replace').strip()}")
    done.touch()


async def compile_declared(cores: Sequence[int] = (), nice: int = 0) -> None:
    """Has everything compiled that the modules imported so far may call, by two processes where there are two cores."""
    entries = Counter(entry.source.__module__ for entry in declared())
    processes = min(_SIDE_BY_SIDE, len(cores or os.sched_getaffinity(0)))
    shares = [share for share in dealt_out(entries, processes) if share]
    await asyncio.gather(*(compile_elsewhere(share, _done(share), cores, nice) for share in shares))


def dealt_out(entries: Mapping[str, int], processes: int) -> list[list[str]]:
    """Modules by process, about as many entries each: what a module's entries call is compiled once a process."""
    shares: list[list[str]] = [[] for _ in range(processes)]
    for module in sorted(entries, key=lambda name: (-entries[name], name)):
        min(shares, key=lambda share: sum(entries[one] for one in share)).append(module)
    return shares


def _done(modules: Sequence[str]) -> pathlib.Path:
    name = hashlib.sha256(" ".join(modules).encode()).hexdigest()[:16]
    return folder() / f"entries_{name}.done"


async def build_elsewhere(
    graph: Graph, drivers: Sequence[Driver], cores: Sequence[int] = (), nice: int = 0
) -> Pipeline:
    """Like `build`, but this process only loads, beside the control thread: gates wait for nothing."""
    source = write(graph, drivers)
    path = place(source)
    await compile_elsewhere([str(path)], path.with_suffix(".done"), cores, nice)
    pipeline = _laid(graph, drivers, source, path)
    await asyncio.to_thread(_compile, pipeline)
    return pipeline


async def build_twin(pipeline: Pipeline, cores: Sequence[int] = (), nice: int = 0) -> Entry:
    """The burst function of the pipeline's instrumented twin: compiled elsewhere, loaded beside the control thread."""
    path = place(write(pipeline.graph, pipeline.drivers, watched=True))
    await compile_elsewhere([str(path)], path.with_suffix(".done"), cores, nice)
    burst: Entry = load(path).burst
    await asyncio.to_thread(burst.compile)
    return burst
