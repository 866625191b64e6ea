"""Runs a module of the tests in another of the three modes."""

import os
import subprocess
import sys
from pathlib import Path

MODES = ("compiled", "checked", "interpreted")
_ROOT = Path(__file__).parents[1]


def run(mode: str, module: str, *arguments: object, **environment: str) -> str:
    """What `python -m module arguments` prints in that mode; AssertionError with its last words if it fails."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    surroundings = os.environ | {"BISE_MODE": mode} | environment
    done = subprocess.run(command, cwd=_ROOT, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"{module} {mode}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
    return done.stdout
