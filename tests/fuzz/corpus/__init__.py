"""Inputs that are kept: `NAME.txt` for each target, a line an input in hexadecimal; # says what one was kept for."""

from collections.abc import Iterable, Iterator
from pathlib import Path

_FOLDER = Path(__file__).parent


def path(target: str) -> Path:
    """The file of a target's inputs."""
    return _FOLDER / f"{target}.txt"


def read(target: str) -> Iterator[bytes]:
    """Those of a target; what follows a # says what an input was kept for."""
    if path(target).exists():
        for line in path(target).read_text().splitlines():
            if octets := line.partition("#")[0].strip():
                yield bytes.fromhex(octets)


def add(target: str, inputs: Iterable[bytes]) -> int:
    """Appends those that are not there yet; how many that were."""
    known = set(read(target))
    fresh = sorted({one for one in inputs if one} - known)
    with path(target).open("a") as file:
        file.writelines(one.hex() + "\n" for one in fresh)
    return len(fresh)
