"""How long nobody forwards, and what is lost, when Bise dies or hangs under load, until the kernel forwards. Beside it
the longest gap and the losses of the kernel alone at the same rate, over the same time.

And what is lost when another Bise takes over from it; beside it what is lost in the same time when Bise just goes on.
"""

import ctypes
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bise.bench.generator.cores import heaviest
from bise.bench.generator.meter import between
from bise.bench.running import RunningBise
from bise.bench.veth import Road, two_cores

_STEADY = 0.25  # of the kernel's rate: what is lost then was lost to the event
_LEAST = 10_000.0
_MEMORY = "1G"  # of packets: what the kernel has to free before it is done with a dead process
_UPGRADED_MEMORY = "64M"  # huge pages for two at a time
_ENDED_S = 120.0
_ON_ITS_WAY_S = 0.1
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


@contextmanager
def counted(road: Road, rate: float) -> Iterator[list[int]]:
    """Packets at this rate while the block runs; then, as the list's only element, how many of them never arrived."""
    lost: list[int] = []
    before = road.meter.now()
    with road.traffic(rate):
        yield lost
    time.sleep(_ON_ITS_WAY_S)
    lost.append(between(before, road.meter.now()).lost)


def upgraded(road: Road, running: RunningBise) -> RunningBise:
    """Who forwards in its place."""
    successor = road.bise("--memory", _UPGRADED_MEMORY, "--replace")
    running.process.wait(_ENDED_S)
    successor.wait_until_forwarding()
    return successor


def upgrades(road: Road, rate: float, rounds: int) -> Iterator[tuple[int, int, float]]:
    """One Bise after the other: packets lost meanwhile, those lost in the same time without, the seconds it took."""
    with ExitStack() as started:
        running = started.enter_context(road.bise("--memory", _UPGRADED_MEMORY))
        road.line.worker_forwards()
        for _ in range(rounds):
            begun = time.monotonic()
            with counted(road, rate) as lost:
                running = upgraded(road, running)
                started.callback(running.stop)
            took = time.monotonic() - begun
            with counted(road, rate) as lost_alone:
                time.sleep(took)
            yield lost[0], lost_alone[0], took


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
        lost, lost_alone, took = (list(column) for column in zip(*upgrades(road, rate, rounds), strict=True))
    yield row(f"{rounds} times --replace: lost, of all", "packets", sum(lost), sum(lost_alone) or None)
    yield row("--replace: until the other forwards", "s", statistics.median(took))
    quiet = [gap for gap, _ in kernel]
    for name, seen in found.items():
        gaps = [gap for gap, _ in seen]
        spread = (max(gaps) - min(gaps)) / statistics.median(gaps)
        yield row(f"{name}: gap, the middle one", "ms", statistics.median(gaps), statistics.median(quiet), spread)
        yield row(f"{name}: gap, the worst", "ms", max(gaps), max(quiet), spread)
        middle, middle_alone = (statistics.median(lost for _, lost in one) for one in (seen, kernel))
        yield row(f"{name}: lost", "packets", middle, middle_alone or None)
