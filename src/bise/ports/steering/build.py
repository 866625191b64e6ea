"""Builds the BPF programs with clang at set-up: `python -m bise.ports.steering.build [FOLDER]`."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from bise.ports.errors import NotBuilt

SOURCES = Path(__file__).parent
FOLDER = SOURCES / "build"
PROGRAMS = ("steer", "punt")


def clang() -> str:
    """The newest clang there is. Raises NotBuilt."""
    for name in ("clang", *(f"clang-{version}" for version in range(25, 10, -1))):
        path = shutil.which(name)
        if path is not None:
            return path
    raise NotBuilt("steering program", "no clang here: install the package clang")


def build(folder: Path = FOLDER) -> list[Path]:
    """Compiles into `folder` what is older than its source; returns the objects. Raises NotBuilt: which package."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_build_one(program, folder / f"{program}.bpf.o") for program in PROGRAMS]


def _build_one(program: str, target: Path) -> Path:
    source = SOURCES / f"{program}.bpf.c"
    newest = max(path.stat().st_mtime for path in (source, SOURCES / "steer.h"))
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    fresh = target.with_suffix(f".{os.getpid()}")
    architecture = f"/usr/include/{platform.machine()}-linux-gnu"
    command = [clang(), "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror", f"-I{architecture}"]
    outcome = subprocess.run([*command, "-c", str(source), "-o", str(fresh)], capture_output=True, text=True)
    if outcome.returncode:
        fresh.unlink(missing_ok=True)
        raise NotBuilt(source.name, _explanation(outcome.stderr))
    fresh.replace(target)
    return target


def _explanation(complaint: str) -> str:
    if "bpf/bpf_helpers.h" in complaint or "bpf/bpf_endian.h" in complaint:
        return "libbpf's headers are missing: install the package libbpf-dev"
    if "linux/" in complaint and "file not found" in complaint:
        return "the kernel's headers are missing: install the package linux-libc-dev"
    if "asm/types.h" in complaint:
        return "the C library's headers are missing: install the package libc6-dev"
    return f"clang refused it:\n{complaint}"


def object_path(program: str, folder: Path = FOLDER) -> Path:
    """Where a built program lies. Raises NotBuilt."""
    path = folder / f"{program}.bpf.o"
    if not path.exists():
        raise NotBuilt(path.name, "not built yet: run script/setup, or python -m bise.ports.steering.build")
    return path


if __name__ == "__main__":
    try:
        for path in build(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
            print(path)
    except NotBuilt as error:
        sys.exit(str(error))
