"""DPDK's environment: started once a process, alone in its memory, invisible to other processes.

Nothing is shared by files, so instances live side by side and leave nothing behind. PCI devices are touched only where
they are named.
"""

import atexit
import contextlib
import ctypes
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bise.ports.dpdk import shim
from bise.ports.errors import PortError
from bise.ports.huge_pages import free_octets

ROOM_ON_HUGE_PAGES = 32 << 20  # what DPDK itself needs; the pool is extra


@dataclass(frozen=True)
class Eal:
    """A started environment. `huge_pages`: whether DPDK's own memory lies on reserved huge pages."""

    name: str
    huge_pages: bool
    pci: frozenset[str]


_STARTED: list[Eal] = []


def started() -> Eal | None:
    """This process's environment, if it has been started."""
    return _STARTED[0] if _STARTED else None


def start(
    name: str = "bise", cores: Collection[int] = (), huge_pages: bool | None = None, pci: Sequence[str] = ()
) -> Eal:
    """Starts DPDK, or returns what runs already.

    `cores` are the workers': DPDK's own threads stay off them where there are others. `huge_pages`: None takes them
    where enough are free. `pci`: addresses of NICs to be opened; they have to be known from the start. Raises
    PortError or NotBuilt.
    """
    running = started()
    if running:
        missing = set(pci) - running.pci
        if missing:
            raise PortError(", ".join(sorted(missing)), "PCI devices have to be named when DPDK is started")
        return running
    chosen = huge_pages_free() >= ROOM_ON_HUGE_PAGES if huge_pages is None else huge_pages
    shim.log()
    _initialise(_arguments(name, chosen, pci), cores)
    shim.log().drain()
    atexit.register(stop)
    _STARTED.append(Eal(name, chosen, frozenset(pci)))
    return _STARTED[0]


def stop() -> None:
    """Closes every port and ends DPDK for good: it can't be started a second time in a process."""
    if _STARTED:
        _STARTED.clear()
        shim.attempt("bise_eal_cleanup")


def huge_pages_free() -> int:
    """Octets of reserved huge pages that this user may take."""
    return free_octets() if os.geteuid() == 0 else 0


def _arguments(name: str, huge_pages: bool, pci: Sequence[str]) -> list[str]:
    common = ["bise", f"--file-prefix=bise-{name}-{os.getpid()}", "--no-telemetry", "--log-level=warning"]
    # These warn of what is no harm: page sizes that there are none of, sharing that is off, peers that are away.
    common += [f"--log-level={part}:error" for part in ("lib.eal", "pmd.net.memif", "lib.vhost.config")]
    memory = ["--in-memory"] if huge_pages else ["--no-huge", "--no-shconf"]
    devices = [f"--allow={address}" for address in pci] if pci else ["--no-pci", "--iova-mode=va"]
    return [*common, *memory, *devices]


def _initialise(arguments: list[str], cores: Collection[int]) -> None:
    """DPDK pins the thread that starts it, and its own threads to what this one may use: lend it the right set."""
    before = os.sched_getaffinity(0)
    lent = before - set(cores) or before
    arguments = [*arguments, f"--lcores=0@({','.join(map(str, sorted(lent)))})"]
    words = (ctypes.c_char_p * len(arguments))(*map(os.fsencode, arguments))
    os.sched_setaffinity(0, lent)
    try:
        with _folder():
            shim.call("DPDK", "bise_eal_init", len(arguments), words)
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _folder() -> Iterator[None]:
    """DPDK makes a folder for files that it then doesn't make: let it be where it can be removed at once."""
    before = os.environ.get("RUNTIME_DIRECTORY")
    with tempfile.TemporaryDirectory(prefix="bise-") as folder:
        os.environ["RUNTIME_DIRECTORY"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["RUNTIME_DIRECTORY"]
            else:
                os.environ["RUNTIME_DIRECTORY"] = before
