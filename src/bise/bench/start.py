"""Seconds from the command to forwarding between two veth ports: with nothing compiled, and with all of it there."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bise.bench.veth import Road, two_cores


@contextmanager
def _cache(folder: str) -> Iterator[None]:
    before = os.environ.get("BISE_CACHE")
    os.environ["BISE_CACHE"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["BISE_CACHE"]
        else:
            os.environ["BISE_CACHE"] = before


def seconds(road: Road) -> float:
    """From one start to forwarding."""
    begun = time.monotonic()
    with road.bise():
        return time.monotonic() - begun


def measure(rounds: int = 3) -> Iterator[dict[str, Any]]:
    """`bise bench start`: the slowest; nothing is a yardstick for it."""
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    cold, warm = [], []
    with Road(two_cores()) as road:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder, _cache(folder):
                cold.append(seconds(road))
                warm += [seconds(road) for _ in range(rounds)]
    for name, found in (("nothing compiled", cold), ("all compiled", warm)):
        yield row(name, "s", max(found), None, (max(found) - min(found)) / min(found))
