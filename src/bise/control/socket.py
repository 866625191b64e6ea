"""The control socket: one JSON request a line, one JSON reply a line, over a unix stream that only its owner may open.

Request `{"verb": …, "arguments": {…}}`; reply `{"ok": true, "reply": …}` or `{"ok": false, "error": …}`.
The server is asyncio's, the client blocks. Holding the socket is holding the name: two instances never share one.
"""

import asyncio
import contextlib
import fcntl
import inspect
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bise.errors import BiseError

DIRECTORY = Path("/run/bise")
REPLY_WITHIN_S = 10.0

Verb = Callable[[dict[str, Any]], Any]
"""Takes the arguments, returns what JSON can say (or an awaitable of it). A BiseError becomes the client's error."""


class Refused(BiseError):
    """The instance answers, and says that it can't."""


class ControlServer:
    """Claims the name when made (nobody is answered yet), answers once started, gives the name back when closed.

    `succeeds`: another one has the name still, and `take_over` follows.
    """

    def __init__(self, name: str, directory: Path | None = None, succeeds: bool = False) -> None:
        self._directory = directory or DIRECTORY
        self._path = self._directory / f"{name}.sock"
        self._claimed = None if succeeds else _claim(self._path)
        self._server: asyncio.Server | None = None
        self._verbs: Mapping[str, Verb] = {}
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self, verbs: Mapping[str, Verb]) -> None:
        """Answers `verbs` from now on; may be called again with others."""
        self._verbs = verbs
        if self._server is None and self._claimed is not None:
            self._server = await asyncio.start_unix_server(self._converse, sock=self._claimed.listener)

    async def take_over(self) -> None:
        """The name is ours, whoever had it: who asks from now on is answered here."""
        self._claimed = _claim(self._path, from_the_living=True)
        await self.start(self._verbs)

    async def close(self) -> None:
        """Answers nobody any more, and leaves nothing in the directory."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()
        if self._claimed is None:
            return
        self._claimed.listener.close()
        with _locked(self._directory):
            if self._path.exists() and self._path.stat().st_ino == self._claimed.file:
                self._path.unlink()
            with contextlib.suppress(OSError):  # another instance's socket is there
                self._directory.rmdir()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                reply = await self._answer(line)
                writer.write(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # the client went away, or sent a line without end
            return
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            verb, arguments = _request(line, self._verbs)
            reply = verb(arguments)
            return {"ok": True, "reply": await reply if inspect.isawaitable(reply) else reply}
        except BiseError as error:
            return {"ok": False, "error": str(error)}


class ControlClient:
    """A conversation with the instance `name`; a context manager. BiseError says why there is no answer."""

    def __init__(self, name: str, directory: Path | None = None, reply_within_s: float = REPLY_WITHIN_S) -> None:
        self._name = name
        self._within_s = reply_within_s
        self._socket = _connect(name, directory or DIRECTORY, reply_within_s)
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, verb: str, **arguments: object) -> Any:
        """The reply to one verb, as `messages` describes it; Refused is raised with the instance's own words."""
        try:
            self._socket.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
            line = self._lines.readline()
        except TimeoutError:
            raise BiseError(
                f"bise {self._name!r} gave no answer within {self._within_s:g} s; is it stopped or overloaded?"
            ) from None
        except ConnectionError:
            line = b""
        if not line.endswith(b"\n"):
            raise BiseError(f"bise {self._name!r} hung up before it answered {verb!r}; its log says why")
        answer = json.loads(line)
        if not answer["ok"]:
            raise Refused(answer["error"])
        return answer["reply"]


def instances(directory: Path | None = None) -> list[str]:
    """Names of those that run; a dead one's socket counts for nothing."""
    try:
        return sorted(path.stem for path in (directory or DIRECTORY).glob("*.sock") if _answered(path))
    except OSError:
        return []


def _request(line: bytes, verbs: Mapping[str, Verb]) -> tuple[Verb, dict[str, Any]]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise BiseError(f"a request is one line of JSON: {error}") from None
    verb, arguments = (request.get("verb"), request.get("arguments", {})) if isinstance(request, dict) else (None, {})
    if not isinstance(verb, str) or not isinstance(arguments, dict):
        raise BiseError('a request is {"verb": "…", "arguments": {…}}')
    if verb not in verbs:
        raise BiseError(f"no verb {verb!r}; there are {', '.join(sorted(verbs)) or 'none yet'}")
    return verbs[verb], arguments


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone in `directory`, which exists: nobody else claims or gives back a name meanwhile."""
    while True:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # removed in between by the last instance
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                yield
                return
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class _Claimed:
    """`file` is the number of the socket's file: a successor may have put its own in its place."""

    listener: socket.socket
    file: int


def _claim(path: Path, from_the_living: bool = False) -> _Claimed:
    """A listening socket at `path`, in place of one that nobody listens to, or of any. Raises BiseError."""
    fresh = path.with_suffix(".fresh")
    try:
        with _locked(path.parent):
            if path.exists() and not from_the_living and _answered(path):
                raise BiseError(
                    f"a bise named {path.stem!r} runs already (`bise status --name {path.stem}`); "
                    "stop it, --replace it, or give this one another --name"
                )
            fresh.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            listener.bind(str(fresh))
            fresh.chmod(0o600)
            listener.listen(64)
            file = fresh.stat().st_ino
            fresh.replace(path)  # at every moment somebody answers there
            return _Claimed(listener, file)
    except OSError as error:
        raise BiseError(f"can't make the control socket {path}: {error.strerror}") from None


def _answered(path: Path) -> bool:
    """Whether a process listens; a stopped one does, too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def _connect(name: str, directory: Path, within_s: float) -> socket.socket:
    path = directory / f"{name}.sock"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(within_s)
    try:
        connection.connect(str(path))
        return connection
    except OSError as error:
        connection.close()
        raise BiseError(_no_connection(name, path, error)) from None


def _no_connection(name: str, path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"may not open {path}; try again as root"
    if isinstance(error, TimeoutError | BlockingIOError):
        return f"bise {name!r} takes no connection; is it stopped?"
    if isinstance(error, ConnectionRefusedError):
        return f"bise {name!r} died and left {path}; the next `bise run --name {name}` cleans up"
    others = [other for other in instances(path.parent) if other != name]
    hint = f"; there is {', '.join(others)} (--name)" if others else "; start it with `bise run --port …`"
    return f"no bise named {name!r} runs{hint}"
