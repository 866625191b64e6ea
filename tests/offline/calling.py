"""`bise` in a process of its own, as whoever replays calls it."""

import os
import subprocess
import sys


def bise(*words: object, status: int = 0, said: str = "", before: tuple[str, ...] = ("-m", "bise")) -> str:
    """What it prints; AssertionError with what it complained of if it ends with another status. `said`: typed in."""
    environment = {name: value for name, value in os.environ.items() if name != "BISE_MODE"}
    command = [sys.executable, *before, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, input=said, env=environment, check=False)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout if status == 0 else done.stderr
