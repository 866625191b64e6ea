"""Files in which users declare nodes: read if nobody else can write them, kept beside what is compiled, imported.

A file becomes the module `bise_node_DIGEST.NAME`: one that has changed is another module, so that no compiled code is
mistaken for its own. All processes import the text that was kept, not what the file says by then.
"""

import ast
import hashlib
import importlib
import json
import os
import re
import stat
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from bise.engine.node import NOTHING, USERS, Drop, Insert, Node, NoState, Nothing, Part, Punt, Timer, To, Transmit
from bise.errors import BiseError
from bise.hot import Header
from bise.hot.cache import texts

Prepare = Callable[[Any, Mapping[str, int]], None]
_LARGEST = 1 << 20  # octets
_KEPT = 256  # texts, the last that were used


class NodeError(BiseError):
    """A user's file that is no good; the line that it is about, if there is one."""

    exit_status = 2

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}{_quoted(path, line)}" if line else f"{path}: {why}")


@dataclass(frozen=True)
class Written:
    """What a file said when it was read."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """What its nodes are called before the dot."""
        return self.path.stem

    @property
    def digest(self) -> str:
        """Of place and text: what its module and what was kept of it are named by."""
        return hashlib.sha256(f"{self.path}\0{self.text}".encode()).hexdigest()[:16]

    @property
    def sha256(self) -> str:
        """Of the text alone."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def module(self) -> str:
        return f"{USERS}{self.digest}.{self.name}"


@dataclass(frozen=True)
class NodeFile:
    """An imported file. `prepare(state, ports)`, where it has one, fills in what depends on the ports' numbers."""

    written: Written
    part: Part
    prepare: Prepare | None

    @property
    def name(self) -> str:
        return self.written.name

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Each of its nodes once."""
        return tuple(dict.fromkeys([*self.part.edges, *(insert.node for insert in self.part.inserts)]))

    @property
    def states(self) -> tuple[type[Header], ...]:
        """The records of its nodes that need memory of their own."""
        kinds = dict.fromkeys(node.state for node in self.nodes)
        return tuple(kind for kind in kinds if kind.__module__ == self.written.module or kind is NoState)

    def fault(self, why: str, node: Node | None = None) -> NodeError:
        """An error about this file, at the place of one of its nodes."""
        return NodeError(self.written.path, node.source.__code__.co_firstlineno if node else 0, why)


def read(path: Path) -> Written:
    """Reads a file that only its owner, root or we, could have written. Raises NodeError."""
    try:
        place = path.resolve(strict=True)
        for above in place.parents:
            _check_owner(place, above, above.stat())
        with place.open("rb") as file:
            _check_owner(place, place, os.fstat(file.fileno()))
            octets = file.read(_LARGEST + 1)
        text = octets.decode()
    except OSError as error:
        raise NodeError(path, 0, str(error.strerror)) from None
    except UnicodeDecodeError as error:
        raise NodeError(path, 0, f"not UTF-8 (octet {error.start})") from None
    if len(octets) > _LARGEST:
        raise NodeError(path, 0, "larger than 1 MiB")
    if not re.fullmatch(r"[a-z][a-z0-9_]*\.py", place.name):
        raise NodeError(place, 0, "its nodes are named after it: a-z, 0-9 and _, a letter first, then .py")
    written = Written(place, text)
    _check_imports(written)
    return written


def _check_owner(path: Path, place: Path, found: os.stat_result) -> None:
    others_write = found.st_mode & 0o022 and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX)
    if found.st_uid not in (0, os.geteuid()) or others_write:
        what = f"{place} belongs to user {found.st_uid}, mode {stat.S_IMODE(found.st_mode):o}"
        raise NodeError(path, 0, f"somebody else could change what Bise would run: {what} (chown root, chmod go-w)")


def _check_imports(written: Written) -> None:
    """A change of another file of the user's would go unnoticed."""
    try:
        tree = ast.parse(written.text, str(written.path))
    except SyntaxError as error:
        raise NodeError(written.path, error.lineno or 0, error.msg) from None
    known = sys.stdlib_module_names | {"bise"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            names = ["" if node.level else node.module or ""]
        for name in names:
            if name.partition(".")[0] not in known:
                why = f"imports {name or 'a file beside it'}; a node is one file, with Python's own library and bise"
                raise NodeError(written.path, node.lineno, why)


def keep(written: Written) -> Path:
    """Puts what was read where all our processes find it; nobody else can write there."""
    path = _place(written.digest)
    if path.exists():
        os.utime(path)
    else:
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"path": str(written.path), "text": written.text}))
        draft.rename(path)
        for old in sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
    return path


def _place(digest: str) -> Path:
    return texts() / f"{digest}.json"


def kept(path: Path) -> Written:
    """What `keep` put there."""
    found = json.loads(path.read_text())
    return Written(Path(found["path"]), found["text"])


def known(digest: str) -> Written | None:
    """What was kept under a digest, which may come from anybody."""
    path = _place(digest)
    return kept(path) if re.fullmatch("[0-9a-f]{16}", digest) and path.exists() else None


class _Kept(MetaPathFinder, Loader):
    """Finds modules among the files that were kept."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if not package.startswith(USERS):
            return None
        return ModuleSpec(fullname, self, is_package=not name)

    def exec_module(self, module: ModuleType) -> None:
        package, _, name = module.__name__.partition(".")
        if not name:
            return
        written = kept(_place(package.removeprefix(USERS)))
        module.__file__ = str(written.path)
        exec(compile(written.text, written.path, "exec"), module.__dict__)


_FINDER = _Kept()


def findable() -> None:
    """From now on this process can import the modules of users' files."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def load(written: Written) -> NodeFile:
    """Imports a file that is kept. Raises NodeError with what goes wrong in it."""
    findable()
    try:
        module = importlib.import_module(written.module)
    except (Exception, SystemExit) as error:
        raise NodeError(written.path, line_of(error, written.path), f"{type(error).__name__}: {error}") from None
    part, prepare = getattr(module, "PART", None), getattr(module, "prepare", None)
    if not isinstance(part, Part):
        raise NodeError(written.path, 0, "it has no PART, which says where its nodes' edges lead")
    if prepare is not None and not callable(prepare):
        raise NodeError(written.path, 0, "its `prepare` is no function")
    found = NodeFile(written, part, prepare)
    _check_part(found)
    _check_timers(found)
    for node in found.nodes:
        if node.module == written.module and getattr(module, node.attribute, None) is not node:
            raise found.fault(f"{node.name} is not what the file calls {node.attribute}", node)
    return found


def _check_part(found: NodeFile) -> None:
    part = found.part
    for insert in part.inserts:
        if not isinstance(insert, Insert) or not isinstance(insert.node, Node):
            raise found.fault("PART: `inserts` are of the form Insert(node, at, edge, through)")
        if insert.through not in insert.node.edges:
            raise found.fault(f"PART: {insert.through!r} is no edge of {insert.node.name}", insert.node)
    for node, edges in part.edges.items():
        if not isinstance(node, Node) or not isinstance(edges, Mapping):
            raise found.fault("PART: a node, and a mapping of its edges to where they lead")
        for edge, target in edges.items():
            if edge not in list(node.edges):
                raise found.fault(f"PART: {edge!r} is no edge of {node.name}", node)
            if not isinstance(target, To | Transmit | Drop | Punt | Nothing):
                raise found.fault(f"PART: {edge!r} of {node.name} leads to no To, TRANSMIT, Drop or Punt", node)
    if part.queries:
        raise found.fault("PART: only Bise's own features have `queries`")
    if not found.nodes:
        raise found.fault("PART is empty")


def _check_timers(found: NodeFile) -> None:
    for timer in found.part.timers:
        if not isinstance(timer, Timer) or timer.node not in found.part.edges:
            raise found.fault("PART: `timers` are of the form Timer(node, period_ns), with nodes of its edges")
        if NOTHING not in found.part.edges[timer.node].values():
            raise found.fault(f"PART: {timer.node.name} is a timer's and has no edge to NOTHING", timer.node)


def line_of(error: BaseException, path: Path) -> int:
    """The last line of the file that an exception came through; 0 if none."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    lines: Sequence[int | None] = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return lines[-1] or 0 if lines else 0


def _quoted(path: Path, line: int) -> str:
    """The line itself, if the file still has it."""
    try:
        return f"\n    {path.read_text().splitlines()[line - 1].strip()}"
    except (OSError, IndexError, UnicodeDecodeError):
        return ""
