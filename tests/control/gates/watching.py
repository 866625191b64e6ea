"""A namespace with two ports that forwards, and a watch over it that says how long it took to notice."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from bise.bench.namespaces import Namespace
from bise.control.gates import Gate, Settings, Watch

PORTS = ("p0", "p1")
PATIENCE_S = 1.0


class Watched:
    """What a watch called back with, and a way to wait for it."""

    def __init__(self, ports: Sequence[str] = PORTS) -> None:
        self.gates: tuple[Gate, ...] = ()
        self.settings = Settings()
        self._called = asyncio.Event()
        self._holds: Callable[[], bool] = lambda: False
        self._held_at: float | None = None
        self.watch = Watch(ports, self._changed)

    def _changed(self, gates: tuple[Gate, ...], settings: Settings) -> None:
        self.gates, self.settings = gates, settings
        if self._held_at is None and self._holds():
            self._held_at = time.monotonic()
        self._called.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a call back made it true; TimeoutError says what stood instead."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self._called.clear()
                    await self._called.wait()
        except TimeoutError:
            raise TimeoutError(f"gates: {[(gate.name, gate.subject) for gate in self.gates]}") from None

    async def delay(self, change: Callable[[], Awaitable[None]], holds: Callable[[], bool]) -> float:
        """Seconds from the end of `change` to the call back since which it holds; 0 where that came before the end."""
        self._holds, self._held_at = holds, None
        await change()
        ended = time.monotonic()
        await self.until(lambda: self._held_at is not None)
        assert self._held_at is not None
        return max(0.0, self._held_at - ended)


async def run(command: str) -> None:
    """Run a shell command in this thread's namespace."""
    process = await asyncio.create_subprocess_shell(command, stderr=asyncio.subprocess.PIPE)
    _, complaint = await process.communicate()
    assert process.returncode == 0, f"{command}: {complaint.decode()}"


@contextmanager
def watched(namespace: Namespace, ports: Sequence[str] = PORTS) -> Iterator[Watched]:
    """Inside a running event loop, with this thread in the namespace."""
    with namespace.inside():
        seen = Watched(ports)
        seen.watch.start()
        try:
            yield seen
        finally:
            seen.watch.close()
