"""Freeing what workers may still read: only after each of them has passed a burst boundary.

Whoever replaces something first makes the new thing visible and then retires the old. A worker's `epoch` counts its
finished rounds; a round that ends after the retirement can't have begun with what was replaced then.
"""

from collections import deque
from collections.abc import Callable, Sequence

from bise.engine.worker import Worker


class Epochs:
    """Written and read by the control thread alone, besides the workers' epochs."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._all = tuple(workers)
        self._workers = list(workers)
        self._waiting: deque[tuple[list[int], Callable[[], None]]] = deque()

    def retire(self, free: Callable[[], None]) -> None:
        """Calls `free` once no worker can use what was replaced before this call."""
        if not self._workers:
            free()
            return
        self._waiting.append(([worker.epoch for worker in self._workers], free))

    def advance(self) -> int:
        """Frees what can be freed; returns how many retirements still wait. Call it now and then."""
        now = [worker.epoch for worker in self._workers]
        while self._waiting and all(new > old for new, old in zip(now, self._waiting[0][0], strict=True)):
            self._waiting.popleft()[1]()
        return len(self._waiting)

    def begun(self) -> None:
        """The workers are about to run, again perhaps."""
        self._workers = list(self._all)

    def stopped(self) -> None:
        """The workers have returned: everything that waits is freed."""
        self._workers.clear()
        while self._waiting:
            self._waiting.popleft()[1]()
