"""The process that compiles: `python -m bise.engine.fill MODULE CORES PRIORITY LIBRARY …` imports a pipeline module.

That leaves its machine code in the cache folder. On the given cores alone (none: any), so much nicer than its parent.
"""

import os
import pathlib
import sys

from bise.engine.pipeline import load
from bise.hot import load_library


def main() -> None:
    module, cores, priority, *libraries = sys.argv[1:]
    os.nice(int(priority))
    if cores:
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    for library in libraries:
        load_library(library)
    import bise.engine.worker  # noqa: F401  (its loop is compiled, too)

    load(pathlib.Path(module))


if __name__ == "__main__":
    main()
