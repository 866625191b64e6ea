"""Users' nodes in a router without ports: those that a state was taken with, and files that are given besides.

A state names its files and what their nodes remembered, and holds no code: it may come from anybody. What runs is a
file that was given, or what this machine has run before.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bise.engine.nodefile import Written, keep, known, load, read
from bise.engine.trial import try_elsewhere
from bise.errors import BiseError
from bise.hot import MODE, Mode
from bise.instance.nodes import Held
from bise.offline.router import Users
from bise.offline.state import State


class FileMissing(BiseError):
    """A state was taken with a file that isn't at hand."""

    exit_status = 2


def gather(state: State, given: Sequence[Path], without: bool = False) -> list[Written]:
    """The state's files, none if `without`, each replaced by the one given of that name; then what else is given.
    Raises FileMissing, NodeError."""
    files = {written.name: written for written in map(read, given)}
    told = () if without else state.nodes
    found = {file.name: files.get(file.name) or known(file.digest) for file in told}
    missing = [file.path for file in told if found[file.name] is None]
    if missing:
        options = " ".join(f"--node {Path(path).name}" for path in missing)
        why = f"the state was taken with {', '.join(missing)}: give it ({options}), or leave it out (--without-nodes)"
        raise FileMissing(why)
    return [written for written in (found | files).values() if written is not None]


def changed(state: State, files: Sequence[Written]) -> list[str]:
    """Names of the files that say something else than when the state was taken."""
    before = {file.name: file.sha256 for file in state.nodes}
    return [written.name for written in files if before.get(written.name, written.sha256) != written.sha256]


@contextmanager
def standing(state: State, files: Sequence[Written]) -> Iterator[Users]:
    """These files' nodes, with what they remembered when the state was taken. Raises NodeError."""
    if MODE is not Mode.INTERPRETED:
        asyncio.run(try_elsewhere(files))
    with ExitStack() as opened:
        held = [_held(state, written, opened) for written in files]
        states = {name: places[0] for one in held for name, places in one.states().items()}
        yield Users(tuple(one.file.part for one in held), states)


def _held(state: State, written: Written, opened: ExitStack) -> Held:
    keep(written)
    held = Held(load(written), 1, None)
    opened.callback(held.close)
    held.remember(next((file.records for file in state.nodes if file.name == written.name), {}))
    for write in held.prepared({port.name: port.number for port in state.ports}):
        write()
    return held
