"""A watch on a running Bise, from the client's side: what `trace`, `capture` and `--sample` have in common."""

import base64
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bise.control.messages import WatchedGraph
from bise.control.socket import ControlClient
from bise.errors import BiseError

if TYPE_CHECKING:
    from bise.engine.ways import Way


@dataclass(frozen=True)
class Told:
    """A packet's way, and the graph that its numbers speak of."""

    way: "Way"
    graph: WatchedGraph

    @property
    def when_ns(self) -> int:
        """By the wall clock."""
        return self.way.when_ns + self.graph["realtime_ns"]

    @property
    def sink(self) -> str:
        """Where its way ended: "transmit", or "drop" or "punt" with a reason."""
        return self.graph["sinks"][self.way.sink]

    @property
    def port(self) -> str:
        """The port that received it."""
        return self.graph["ports"].get(str(self.way.port), "?")

    @property
    def egress(self) -> str | None:
        """The port that it leaves by."""
        return self.graph["ports"].get(str(self.way.egress), "?") if self.sink == "transmit" else None

    @property
    def verdict(self) -> str:
        """What became of it, in words."""
        return f"transmit by {self.egress}" if self.egress is not None else self.sink


class Watch:
    """A context manager. `wanted`: port, side, depth, room, each (as the verb `watch` has them).

    When it ends nobody watches any more; if this process is killed, after the lease's few seconds.
    """

    def __init__(self, name: str, **wanted: object) -> None:
        _without_the_compiler()
        self._name, self._wanted = name, wanted
        self._graph: WatchedGraph | None = None
        self.seen = self.missed = 0

    def __enter__(self) -> Self:
        self._client = ControlClient(self._name)
        try:
            self._number = self._client.ask("watch", **self._wanted)["watch"]
        except BiseError:
            self._client.__exit__()
            raise
        # An end that is asked for is an orderly one: `timeout 10 bise capture …`.
        self._before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            # An answer may still be under way: another conversation.
            with ControlClient(self._name) as client:
                client.ask("unwatch", watch=self._number)
        except BiseError:
            if error is None:
                raise
        finally:
            self._client.__exit__()
            signal.signal(signal.SIGTERM, self._before)

    def ways(self, seconds: float | None = None) -> Iterator[Told | None]:
        """Packets as they are told, for so many seconds from when the recording began; None where nothing came for a
        moment. Raises BiseError when the watch ends from the other side."""
        from bise.engine.ways import read

        limit: float | None = None
        said = False
        while limit is None or time.monotonic() < limit:
            reply: Any = self._client.ask("watched", watch=self._number)
            if reply["state"] == "compiling":
                if not said:
                    print("compiling what looks at packets; the fast path goes on meanwhile …", file=sys.stderr)
                said = True
                continue
            if limit is None and seconds is not None:
                limit = time.monotonic() + seconds
            self.seen, self.missed = reply["seen"], reply["missed"]
            self._graph = reply["graph"] or self._graph
            assert self._graph is not None
            for record in reply["records"]:
                yield Told(read(base64.b64decode(record)), self._graph)
            yield None


def _without_the_compiler() -> None:
    """Headers are only read and printed here, in CPython: loading Numba would cost a second."""
    os.environ.setdefault("BISE_MODE", "interpreted")


def missed_note(watch: Watch) -> str:
    """What wasn't looked at, or nothing."""
    if not watch.missed:
        return ""
    share = watch.missed / (watch.seen + watch.missed)
    return f"; {watch.missed} of the packets ({share:.1%}) were forwarded unseen: they came faster than they are read"
