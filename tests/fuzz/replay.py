"""`python -m tests.fuzz.replay TARGET FOLDER SECONDS`: the inputs in a folder, in this process's mode, then others made
of them by changing, joining and cutting, as fast as it goes. Prints how many there were."""

import importlib
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def mutated(inputs: list[bytes], chance: random.Random) -> bytes:
    """One of them with some octets changed, or with the end of another."""
    octets = bytearray(chance.choice(inputs))
    if chance.random() < 0.2:
        other, at = chance.choice(inputs), chance.randrange(len(octets) + 1)
        octets[at:] = other[min(at, len(other)) :]
    for _ in range(chance.choice((1, 1, 2, 5))):
        if octets:
            octets[chance.randrange(min(len(octets), chance.choice((64, 4096))))] = chance.randrange(256)
    if chance.random() < 0.1:
        del octets[chance.randrange(len(octets) + 1) :]
    return bytes(octets)


def endless(inputs: list[bytes], seconds: float) -> Iterator[bytes]:
    """All of them, then mutants until the time is up."""
    yield from inputs
    chance, limit = random.Random(len(inputs)), time.monotonic() + seconds
    while time.monotonic() < limit:
        yield mutated(inputs, chance)


def main(target: str, folder: str, seconds: str) -> int:
    """The exit status: 1 where an input didn't pass, which is printed in hexadecimal."""
    examine = importlib.import_module(f"tests.fuzz.{target}").examine
    inputs = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    count, last = 0, Path(folder).with_suffix(".last")
    for count, octets in enumerate(endless(inputs, float(seconds)), 1):  # noqa: B007 (told at the end)
        last.write_bytes(octets)  # where the kernel ends this process, it is there
        try:
            examine(octets)
        except Exception as fault:
            print(f"{octets.hex()}  # {type(fault).__name__}: {fault}")
            return 1
    last.unlink()
    print(f"{count:,} inputs")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
