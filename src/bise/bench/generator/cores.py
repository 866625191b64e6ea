"""Which core serves a port: threaded NAPI, its thread pinned. A veth has NAPI while its GRO is on."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bise.bench.namespaces import Namespace
from bise.errors import BiseError

HEAVIEST = -20  # the nice value of what is measured: others on the machine disturb it little
_PATIENCE_S = 2.0


class NoThread(BiseError):
    """The kernel made no NAPI thread for a port."""


def serve_port(namespace: Namespace, interface: str) -> list[int]:
    """Let threads serve `interface`, and return their pids; `os.sched_setaffinity` moves them."""
    namespace.run("ethtool", "-K", interface, "gro", "on")
    before = _threads(interface)
    namespace.run("sh", "-c", f"echo 1 > /sys/class/net/{interface}/threaded")
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        fresh = _threads(interface) - before
        if fresh:
            return sorted(fresh)
        time.sleep(0.001)
    raise NoThread(f"no NAPI thread serves {interface} in {namespace.name}")


def move(threads: list[int], core: int, *, first: bool = False) -> None:
    """Pin NAPI threads to a core, with as much weight as an ordinary task can have. `first`: ahead of all those, so
    that a busy generator beside them can't make them late and their rings overflow."""
    policy, priority = (os.SCHED_FIFO, 1) if first else (os.SCHED_OTHER, 0)
    for thread in threads:
        os.sched_setaffinity(thread, {core})
        os.sched_setscheduler(thread, policy, os.sched_param(priority))
        os.setpriority(os.PRIO_PROCESS, thread, HEAVIEST)


@contextmanager
def heaviest(process: int | str = "self") -> Iterator[None]:
    """A process's session has as much weight against others as can be, where Linux groups tasks by sessions."""
    group = Path(f"/proc/{process}/autogroup")
    with suppress(OSError):
        group.write_text(str(HEAVIEST))
    try:
        yield
    finally:
        with suppress(OSError):
            group.write_text("0")


@contextmanager
def staying_on(core: int) -> Iterator[None]:
    """This thread, and those that it makes, leave the other cores to what is measured."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _threads(interface: str) -> set[int]:
    """The NAPI threads of every interface of that name, in whatever namespace."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith(f"napi/{interface}-"):
                found.add(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
