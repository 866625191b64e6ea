"""How long nobody forwards, and what is lost, when Bise dies or hangs under load, until the kernel forwards.

Beside it the longest gap and the losses of the kernel alone at the same rate, over the same time.
"""

import ctypes
import os
import signal
import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import between
from bise.bench.running import RunningBise
from bise.bench.veth import Road, two_cores

_STEADY = 0.25  # of the kernel's rate: what is lost then was lost to the event
_LEAST = 10_000.0
_MEMORY = "1G"  # of packets: what the kernel has to free before it is done with a dead process
_CORE_WORD = "worker-"
_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17  # linux/ptrace.h
_ALL_KINDS = 0x40000000  # __WALL, linux/wait.h: of children, threads too


@contextmanager
def killed(bise: RunningBise) -> Iterator[None]:
    bise.signal(signal.SIGKILL)
    yield


@contextmanager
def stopped(bise: RunningBise) -> Iterator[None]:
    bise.signal(signal.SIGSTOP)
    yield
    bise.signal(signal.SIGCONT)


@contextmanager
def hung(bise: RunningBise, which: str = _CORE_WORD) -> Iterator[None]:
    """Workers that don't come back from where they are, as if in a loop without end: those whose threads' names begin
    so."""
    trace = ctypes.CDLL(None, use_errno=True).ptrace
    trace.argtypes = [ctypes.c_long] * 4
    threads = _workers(bise, which)
    for thread in threads:
        trace(_SEIZE, thread, 0, 0)
        trace(_INTERRUPT, thread, 0, 0)
        threading.Thread(target=_bury, args=(thread,), daemon=True).start()
    yield
    for thread in threads:
        trace(_DETACH, thread, 0, 0)


def _bury(thread: int) -> None:
    """A traced thread's process can't end before its tracer has seen the thread's end."""
    with suppress(ChildProcessError):
        while os.WIFSTOPPED(os.waitpid(thread, _ALL_KINDS)[1]):
            pass


def _workers(bise: RunningBise, which: str) -> list[int]:
    threads = Path(f"/proc/{bise.process.pid}/task").iterdir()
    return [int(thread.name) for thread in threads if (thread / "comm").read_text().startswith(which)]


EVENTS: dict[str, Callable[[RunningBise], Any]] = {"SIGKILL": killed, "SIGSTOP": stopped, "hung worker": hung}


def happen(road: Road, event: Callable[[RunningBise], Any], rate: float, seconds: float) -> tuple[float, int]:
    """The longest gap in ms and the packets lost, from the event on."""
    with road.bise("--memory", _MEMORY) as bise, heaviest(bise.process.pid):
        road.line.worker_forwards()
        with road.traffic(rate):
            road.sink.forget_gap()
            before = road.meter.now()
            with event(bise):
                road.meter.pass_time(seconds)
                gap, lost = road.sink.arrived.longest_gap_ns / 1e6, between(before, road.meter.now()).lost
    return gap, lost


def alone(road: Road, rate: float, seconds: float) -> tuple[float, int]:
    """The same for the kernel, when nothing happens."""
    road.line.kernel_forwards(first=True)
    with road.traffic(rate):
        road.sink.forget_gap()
        before = road.meter.now()
        road.meter.pass_time(seconds)
        return road.sink.arrived.longest_gap_ns / 1e6, between(before, road.meter.now()).lost


def measure(rounds: int = 10, seconds: float = 0.1) -> Iterator[dict[str, Any]]:
    """`bise bench failover`: each round watched for so long; were it longer, most gaps would be the machine's own."""
    from bise.bench.tables import row  # brings the compiler along, which the namespaces need not wait for

    with Road(two_cores()) as road:
        rate = max(_LEAST, _STEADY * road.capacity(1.0)[1].rate)
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in EVENTS}
        kernel = []
        for _ in range(rounds):
            kernel.append(alone(road, rate, seconds))
            for name, event in EVENTS.items():
                found[name].append(happen(road, event, rate, seconds))
    quiet = [gap for gap, _ in kernel]
    for name, seen in found.items():
        gaps = [gap for gap, _ in seen]
        spread = (max(gaps) - min(gaps)) / statistics.median(gaps)
        yield row(f"{name}: gap, the middle one", "ms", statistics.median(gaps), statistics.median(quiet), spread)
        yield row(f"{name}: gap, the worst", "ms", max(gaps), max(quiet), spread)
        lost, lost_alone = (statistics.median(lost for _, lost in one) for one in (seen, kernel))
        yield row(f"{name}: lost", "packets", lost, lost_alone or None)
