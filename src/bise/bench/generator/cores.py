"""Which core serves a port: threaded NAPI, its thread pinned. A veth has NAPI while its GRO is on."""

import os
import time
from pathlib import Path

from bise.bench.namespaces import Namespace
from bise.errors import BiseError

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


def move(threads: list[int], core: int) -> None:
    """Pin NAPI threads to a core."""
    for thread in threads:
        os.sched_setaffinity(thread, {core})


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
