"""The process that compiles: `python -m bise.engine.fill PARENT CORES PRIORITY LIBRARIES MODULE …`.

A module is a name or a file; the machine code of its entries is left in the cache folder. On the given cores alone
(none: any), so much nicer than its parent, whose end is its own.
"""

import ctypes
import importlib
import os
import pathlib
import signal
import sys
from types import ModuleType

from bise.engine.pipeline import load
from bise.hot import declared, load_library

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with(parent: int) -> None:
    """From now on this process ends when its parent does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked to be told
        sys.exit(1)


def imported(module: str) -> ModuleType:
    """A module by its name, or a pipeline's by its file."""
    return load(pathlib.Path(module)) if module.endswith(".py") else importlib.import_module(module)


def main() -> None:
    parent, cores, priority, libraries, *modules = sys.argv[1:]
    end_with(int(parent))
    os.nice(int(priority))
    if cores:
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    for library in filter(None, libraries.split(":")):
        load_library(library)
    found = {imported(module).__name__ for module in modules}
    for entry in declared():
        if entry.source.__module__ in found:
            entry.compile()


if __name__ == "__main__":
    main()
