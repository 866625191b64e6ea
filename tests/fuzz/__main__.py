"""`python -m tests.fuzz [TARGET …] [--seconds N]`: fuzzes each target by coverage, then replays what that found in
checked mode. See `--help`."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS
from tests.structure.sources import ROOT

_PLACE = ROOT / "build" / "fuzz"
_MOST_OCTETS, _MOST_S = 2048, 60
_CHECKED_SHARE = 0.25  # of the time


def main() -> int:
    """The exit status: 0 if nothing was found."""
    wanted = _arguments()
    found = [target for target in wanted.targets or TARGETS if not fuzz(target, wanted.seconds, wanted.keep)]
    print(f"found something in {', '.join(found)}" if found else "nothing was found")
    return int(bool(found))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="script/fuzz", description="Octets of any kind, guided by coverage.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (all)")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (600)")
    parser.add_argument("--keep", action="store_true", help="add to tests/fuzz/corpus what reaches something new")
    wanted = parser.parse_args()
    unknown = set(wanted.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    return wanted


def fuzz(target: str, seconds: int, keep: bool) -> bool:
    """Whether nothing was found. What was is printed, as a line for the corpus."""
    folder, findings = _PLACE / target, _PLACE / f"{target}-found"
    shutil.rmtree(findings, ignore_errors=True)
    findings.mkdir(parents=True)
    _fill(folder, corpus.read(target))
    subprocess.run([sys.executable, "-m", "tests.fuzz.seeds", target, str(folder)], cwd=ROOT, check=True, env=_mode())
    guided_s = int(seconds * (1 - _CHECKED_SHARE))
    print(f"== {target}: guided by coverage for {guided_s} s", flush=True)
    words = [f"-max_total_time={guided_s}", f"-artifact_prefix={findings}/", f"-timeout={_MOST_S}"]
    well = _guided(target, *words, str(folder))
    for path in sorted(findings.iterdir()):
        print(f"{path.read_bytes().hex()}  # {path.name.partition('-')[0]}")
        well = False
    print(f"== {target}: in checked mode for {seconds - guided_s} s", flush=True)
    command = [sys.executable, "-m", "tests.fuzz.replay", target, str(folder), str(seconds - guided_s)]
    well &= subprocess.run(command, cwd=ROOT, env=_mode("checked")).returncode == 0
    if keep:
        command = [sys.executable, "-m", "tests.fuzz.keep", target, str(folder)]
        subprocess.run(command, cwd=ROOT, env=_mode(), check=True)
    return well


def _mode(name: str = "interpreted") -> dict[str, str]:
    return {**os.environ, "BISE_MODE": name}


def _fill(folder: Path, inputs: Iterable[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for octets in inputs:
        (folder / hashlib.sha1(octets).hexdigest()).write_bytes(octets)


def _guided(target: str, *options: str) -> bool:
    """Prints the last of what libFuzzer says of its progress, and everything where it found something."""
    command = [sys.executable, "-m", "tests.fuzz.guided", target, f"-max_len={_MOST_OCTETS}", *options]
    done = subprocess.run(command, cwd=ROOT, env=_mode(), capture_output=True, text=True, errors="replace")
    progress = re.findall(r"^#\d+\s.*cov: .*$", done.stderr, re.MULTILINE)
    print(progress[-1] if progress else "no progress", flush=True)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-8000:])
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
