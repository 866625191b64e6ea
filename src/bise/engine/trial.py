"""The process that tries out users' files: `python -m bise.engine.trial PARENT LIBRARIES KEPT …`.

It imports each and compiles its nodes, each by itself, so that an error names its line; prints that error and ends with
1, or prints nothing. What a file does when it is imported, and what it does to the compiler, holds nobody else up.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bise.engine.fill import end_with
from bise.engine.nodefile import NodeError, NodeFile, Written, keep, kept, load
from bise.engine.packet import Packet
from bise.errors import BiseError
from bise.hot import libraries, load_library
from bise.hot.alone import DoesNotCompile, compile_alone
from bise.hot.cache import folder

WITHIN_S = 60.0


def check(found: NodeFile) -> None:
    """Compiles each node of a file for itself. Raises NodeError."""
    for node in found.nodes:
        try:
            compile_alone(node.function, node.source, (Packet, node.state, None))
        except DoesNotCompile as error:
            line = error.line or node.source.__code__.co_firstlineno
            why = str(error).replace(f"{found.written.module}.", "")
            raise NodeError(found.written.path, line, f"{node.name}: {why}") from None


async def try_elsewhere(files: Sequence[Written], within_s: float = WITHIN_S) -> None:
    """Has files tried out by another process; what was once found good is not asked again. Raises NodeError."""
    places = [keep(written) for written in files]
    asked = [place for place in places if not _mark(place).exists()]
    if not asked:
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bise.engine.trial", str(os.getpid()), ":".join(libraries()), *map(str, asked)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C on a terminal is for us
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), within_s)
    except (TimeoutError, asyncio.CancelledError) as ended:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(ended, asyncio.CancelledError):
            raise
        names = ", ".join(str(written.path) for written in files)
        raise BiseError(f"{names}: not imported and compiled within {within_s:g} s") from None
    if process.returncode != 0:
        raise BiseError(said.decode(errors="replace").strip() or f"{files[0].path}: ended its process")
    for place in asked:
        _mark(place).touch()


def _mark(place: Path) -> Path:
    """What says that a file that was kept compiles in this version."""
    return folder() / f"node_{place.stem}.good"


def main() -> int:
    """Exit status 1 and one error on standard error, or 0."""
    parent, names, *places = sys.argv[1:]
    end_with(int(parent))
    for library in filter(None, names.split(":")):
        load_library(library)
    try:
        for name in places:
            check(load(kept(Path(name))))
    except BiseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
