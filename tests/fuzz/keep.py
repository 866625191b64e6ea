"""`python -m tests.fuzz.keep TARGET FOLDER`: adds to the corpus those inputs of a folder that take a step, from a line
to another, that none in it has taken."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz import corpus
from tests.structure.sources import PACKAGE

Step = tuple[str, int, int]


def steps(examine: Callable[[bytes], None], octets: bytes) -> set[Step]:
    """From which line to which, by file, within functions of the package."""
    found: set[Step] = set()

    def enter(frame: FrameType, event: str, argument: object) -> Any:
        name, last = frame.f_code.co_filename, 0
        if not name.startswith(str(PACKAGE)):
            return None

        def follow(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal last
            found.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return follow

        return follow

    sys.settrace(enter)
    try:
        examine(octets)
    finally:
        sys.settrace(None)
    return found


def main(target: str, folder: str) -> None:
    """Short ones first."""
    examine = importlib.import_module(f"tests.fuzz.{target}").examine
    examine(b"")
    known: set[Step] = set()
    for octets in corpus.read(target):
        known |= steps(examine, octets)
    kept = []
    for octets in sorted((path.read_bytes() for path in Path(folder).iterdir()), key=len):
        taken = steps(examine, octets)
        if not taken <= known:
            known |= taken
            kept.append(octets)
    print(f"{corpus.add(target, kept)} inputs more, {len(known)} steps")


if __name__ == "__main__":
    main(*sys.argv[1:])
