"""Builds the shim with gcc at set-up: `python -m bise.ports.dpdk.build`.

The library lies beside its source, or in the cache folder where that can't be written. Its name is a digest of the
source and the processor, for which it is compiled.
"""

import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from bise.hot import cache
from bise.ports.errors import NotBuilt

HERE = Path(__file__).parent
SOURCES, HEADER = ("shim.c", "bursts.c"), "shim.h"
FLAGS = ("-O3", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")


def library() -> Path:
    """The built shim; builds it where there is none yet. Raises NotBuilt."""
    for folder in (HERE / "build", cache.base()):
        path = folder / _name()
        if path.exists():
            return path
    return build()


def build() -> Path:
    """Compiles the shim anew and returns the library. Raises NotBuilt, which names the missing package."""
    target = _folder() / _name()
    fresh = target.with_suffix(f".{os.getpid()}")
    # pkg-config names a processor, too: ours comes later and counts.
    command = [
        _compiler(),
        *FLAGS,
        *(str(HERE / name) for name in SOURCES),
        "-o",
        str(fresh),
        *_package("--cflags"),
        "-march=native",
    ]
    outcome = subprocess.run([*command, *_package("--libs")], capture_output=True, text=True)
    if outcome.returncode:
        fresh.unlink(missing_ok=True)
        raise NotBuilt("DPDK shim", f"the compiler refused it:\n{outcome.stderr}")
    fresh.replace(target)
    return target


def _folder() -> Path:
    beside = HERE / "build"
    try:
        beside.mkdir(exist_ok=True)
        if os.access(beside, os.W_OK):
            return beside
    except OSError:
        pass
    return cache.trusted(cache.base())


@functools.cache
def _name() -> str:
    processor = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    described = [line for line in processor if line.startswith(("model name", "flags", "Features", "CPU part"))]
    state = hashlib.sha256(repr((FLAGS, described)).encode())
    for name in (*SOURCES, HEADER):
        state.update((HERE / name).read_bytes())
    return f"dpdk-{state.hexdigest()[:16]}.so"


def _compiler() -> str:
    path = shutil.which("gcc") or shutil.which("cc")
    if path is None:
        raise NotBuilt("DPDK shim", "no C compiler here: install the package gcc")
    return path


def _package(what: str) -> list[str]:
    if shutil.which("pkg-config") is None:
        raise NotBuilt("DPDK shim", "no pkg-config here: install the package pkg-config")
    outcome = subprocess.run(["pkg-config", what, "libdpdk"], capture_output=True, text=True)
    if outcome.returncode:
        raise NotBuilt("DPDK shim", "DPDK is missing: install the package libdpdk-dev (22.11 or later)")
    return shlex.split(outcome.stdout)


if __name__ == "__main__":
    try:
        print(build())
    except NotBuilt as error:
        sys.exit(str(error))
