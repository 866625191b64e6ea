"""How one worker waits for packets at a port in memory, in a process of its own.

    python -m tests.engine.waiting MODE WAKES

`WAKES`: 1 if the port has a descriptor that tells of packets. Prints what was seen, times in ms.
"""

import ctypes
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bise.engine import worker as parts
from bise.engine.crew import Crew
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import build as build_graph
from bise.engine.node import Part, Timer
from bise.hot import Region, load64
from bise.ports.mbuf import Mbuf
from tests.engine import steps
from tests.engine.rig import KIND, Rings, build, open_pool, register, unregister

MODES = {"poll": parts.POLL, "adaptive": parts.ADAPTIVE, "interrupt": parts.INTERRUPT}
QUIET = build_graph("steps.begin", [steps.PART])
TIMED = build_graph("steps.begin", [steps.PART, Part(steps.TOLD, timers=(Timer(steps.tell, 1_000_000),))])
IDLE_S, TRIES, PATIENCE_S = 0.3, 15, 60.0
DROPPED = "drop steps.dropped"


class Waiting:
    """A worker that waits; the port's deadline lies in the second half of its state's memory."""

    def __init__(self, mode: str, wakes: bool) -> None:
        self.pool, self._state = open_pool(), Region(2 * steps.State.size, huge_pages=False)
        self.state, self.deadline = steps.State(self._state.address), self._state.address + steps.State.size
        self.sign, self.rings = os.eventfd(0, os.EFD_NONBLOCK), Rings()
        core = max(os.sched_getaffinity(0))
        self.crew = Crew([core], MODES[mode], register, unregister)
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {core} or {core})
        (self.member,) = self.crew.members
        self.pipelines = [build(QUIET), build(TIMED)]
        away, driver = os.open(os.devnull, os.O_WRONLY), self.rings.port.address
        queue = ReceiveQueue(0, KIND, driver, self.deadline, 0, self.sign if wakes else -1, away)
        self._duty = Duty((queue,), (TransmitLane(0, KIND, driver), TransmitLane(1, KIND, driver)))

    def publish(self, pipeline: int) -> None:
        states = {f"{steps.__name__}.State": self.state.address}
        self.crew.publish(self.pipelines[pipeline], [self._duty], states)

    def spent(self) -> tuple[int, int]:
        """Nanoseconds that the worker's thread has run, and times that it went to sleep by itself."""
        thread = Path(f"/proc/self/task/{self.member.thread.native_id}")
        switches = next(line for line in (thread / "status").read_text().splitlines() if line.startswith("voluntary"))
        return int((thread / "schedstat").read_text().split()[0]), int(switches.split()[1])

    def packet_ms(self) -> float:
        """From a packet's arrival, with its sign, to its end."""
        (packet,) = self.pool.get(1)
        mbuf = Mbuf(packet)
        ctypes.memmove(mbuf.buf_addr + mbuf.data_off, bytes([steps.Begin.DROP]) + bytes(59), 60)
        mbuf.data_len = mbuf.pkt_len = 60
        before, begun = self.crew.sums()[DROPPED], time.monotonic_ns()
        self.rings.put([packet])
        os.eventfd_write(self.sign, 1)
        wait(lambda: self.crew.sums()[DROPPED] > before)
        took = (time.monotonic_ns() - begun) / 1e6
        os.eventfd_read(self.sign)
        return took

    def plan_ms(self) -> float:
        """From publishing a plan to a round that began with it."""
        begun = time.monotonic_ns()
        self.publish(0)
        assert self.crew.settle(PATIENCE_S)
        return (time.monotonic_ns() - begun) / 1e6

    def idle(self) -> dict[str, Any]:
        """What it does while nothing comes."""
        ran, switches = self.spent()
        begun, calls, promised = time.monotonic_ns(), self.state.timed, []
        while (now := time.monotonic_ns()) < begun + IDLE_S * 1e9:
            promise = load64(self.deadline)
            promised.append((promise - time.monotonic_ns()) / 1e6)  # late, where this process has to wait for a core
            time.sleep(0.001)
        passed, (ran_then, switches_then) = now - begun, self.spent()
        return {
            "share": (ran_then - ran) / passed,
            "sleeps_a_second": (switches_then - switches) * 1e9 / passed,
            "calls_a_second": (self.state.timed - calls) * 1e9 / passed,
            "promised_ms": max(promised),
        }


def wait(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < limit


def main(mode: str, wakes: bool) -> dict[str, Any]:
    worker = Waiting(mode, wakes)
    worker.publish(0)
    worker.crew.start()
    wait(worker.crew.all_turning)
    found = {"idle": worker.idle(), "packet_ms": statistics.median(worker.packet_ms() for _ in range(TRIES))}
    found["plan_ms"] = statistics.median(worker.plan_ms() for _ in range(TRIES))
    worker.publish(1)
    assert worker.crew.settle(PATIENCE_S)
    found["timed"] = worker.idle()
    assert worker.crew.stop(PATIENCE_S)
    found["promised_at_the_end"] = load64(worker.deadline)
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2] == "1")))
