"""The folder of compiled code and the process that fills it.

Numba's own cache is blind to a change in the file of a callee: the folder is named by a digest of the package's
sources, Numba's version and the processor. It is code that root will load: it belongs to the user, mode 0700, or is
refused.
"""

import hashlib
import os
import pathlib
import shutil
import stat
import sys

from bise.errors import BiseError
from bise.hot.mode import MODE

_KEPT = 16  # folders of earlier digests that stay for a way back
_TEXTS = "nodes"
_SOURCES = ("hot", "wire", "tables", "engine", "ports", "features")  # the packages that hot code is in


class CacheError(BiseError):
    """The cache folder can't be trusted or made."""


def base() -> pathlib.Path:
    """$BISE_CACHE, or /var/cache/bise for root, or bise in the user's cache folder."""
    chosen = os.environ.get("BISE_CACHE")
    if chosen:
        return pathlib.Path(chosen)
    if os.geteuid() == 0:
        return pathlib.Path("/var/cache/bise")
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "bise"


def digest() -> str:
    """Names everything that compiled code depends on."""
    import llvmlite.binding
    import numba

    state = hashlib.sha256()
    package = pathlib.Path(__file__).parents[1]
    for path in sorted(path for name in _SOURCES for path in (package / name).rglob("*.py")):
        state.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    processor = llvmlite.binding.get_host_cpu_name() + llvmlite.binding.get_host_cpu_features().flatten()
    state.update(f"{numba.__version__} {sys.version} {processor} {MODE.value}".encode())
    return state.hexdigest()[:16]


def trusted(folder: pathlib.Path) -> pathlib.Path:
    """Makes `folder` or checks that nobody else can write into it. Raises CacheError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise CacheError(f"cache folder {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CacheError(f"cache folder {folder} has to be a folder of user {os.geteuid()} with mode 0700")
    return folder


def texts() -> pathlib.Path:
    """The folder of users' files as they were when they ran, in whatever mode and version."""
    return trusted(trusted(base()) / _TEXTS)


def folder() -> pathlib.Path:
    """This package's own folder, made if need be; folders of old versions are removed."""
    home = trusted(base())
    place = trusted(home / digest())
    os.utime(place)
    others = [path for path in home.iterdir() if path.is_dir() and path.name not in (place.name, _TEXTS)]
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return place
