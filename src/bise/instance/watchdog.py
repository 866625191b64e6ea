"""Notices workers that don't come round any more. Their ports are the kernel's within milliseconds in any case: nobody
moves the deadlines on; what is left to do is to say so, and to end, so that somebody starts Bise again."""

import logging
import os
import time

from bise.engine.crew import Crew

_log = logging.getLogger(__name__)
_HUNG_NS = 1_000_000_000  # an idle worker comes round every 4 ms
_HOPELESS_NS = 10_000_000_000
_PATIENCE_S = 2.0


class Watchdog:
    """Looks at what the workers of a running crew write after each round."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._seen = [(-1, 0)] * len(crew.members)  # the epoch of each, and when it was new
        self._hangs = self._stuck = False

    def look(self) -> str:
        """Why this can't go on; empty if it can."""
        if not all(self._crew.running()):
            return f"a worker has died: {self._crew.failure}"
        hung_ns = self._longest(time.monotonic_ns())
        if (hung_ns > _HUNG_NS) != self._hangs:
            self._hangs = hung_ns > _HUNG_NS
            _log.warning("a worker %s", "hangs: its traffic is the kernel's" if self._hangs else "comes round again")
        return f"a worker has hung for {hung_ns // 1_000_000_000} s" if hung_ns > _HOPELESS_NS else ""

    def _longest(self, now_ns: int) -> int:
        longest = 0
        for number, member in enumerate(self._crew.members):
            epoch, since = self._seen[number]
            if member.record.epoch != epoch:
                self._seen[number] = (member.record.epoch, now_ns)
            else:
                longest = max(longest, now_ns - since)
        return longest

    def stop_workers(self) -> None:
        """Ends them, or finds out that one doesn't end."""
        self._stuck = not self._crew.stop(_PATIENCE_S)

    def leave_if_stuck(self) -> None:
        """The ports are the kernel's again; what else there is a worker may be using still, wherever it hangs."""
        if self._stuck:
            _log.error("a worker doesn't end: leaving it where it is")
            logging.shutdown()
            os._exit(1)
