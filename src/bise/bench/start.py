"""Seconds from the command to forwarding between two veth ports: with nothing compiled, and with all of it there."""

import tempfile
import time
from collections.abc import Iterator
from typing import Any

from bise.bench.veth import Road, two_cores


def seconds(road: Road, cache: str) -> float:
    """From one start to forwarding, with what is compiled in that folder."""
    begun = time.monotonic()
    with road.bise(cache=cache):
        return time.monotonic() - begun


def measure(rounds: int = 3) -> Iterator[dict[str, Any]]:
    """`bise bench start`: the slowest; nothing is a yardstick for it."""
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    cold, warm = [], []
    with Road(two_cores()) as road:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(seconds(road, cache))
                warm += [seconds(road, cache) for _ in range(rounds)]
    for name, found in (("nothing compiled", cold), ("all compiled", warm)):
        yield row(name, "s", max(found), None, (max(found) - min(found)) / min(found))
