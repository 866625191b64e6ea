"""The shim's functions for Python, and what DPDK logs about them. Hot code calls the same symbols by `external`."""

import ctypes
import functools
import logging
import os
from collections.abc import Iterable

from bise import hot
from bise.ports.dpdk import build
from bise.ports.errors import NotBuilt, PortError

LOG = logging.getLogger("bise.dpdk")
Argument = int | bytes | ctypes.Array[ctypes.c_int64] | ctypes.Array[ctypes.c_char_p]


class DpdkRefused(PortError):
    """DPDK said no: `code` is its errno, and the reason ends with what it logged meanwhile."""

    def __init__(self, port: str, code: int, explanation: Iterable[str]) -> None:
        super().__init__(port, "; ".join([_text("bise_error", -code), *explanation]))
        self.code = code


class Log:
    """What DPDK writes, a pipe that is never waited for: lines past its size are lost.

    Whoever has an event loop watches `descriptor` and calls `drain`; each refused call drains it, too.
    """

    def __init__(self) -> None:
        self.descriptor, sender = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""
        _integer("bise_log_to", sender)

    def drain(self) -> list[str]:
        """Passes new lines on to the logger `bise.dpdk` and returns them."""
        try:
            self._rest += os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return []
        *lines, self._rest = self._rest.split(b"\n")
        found = [line.decode(errors="replace").strip() for line in lines if line.strip()]
        for line in found:
            LOG.warning("%s", line)
        return found


@functools.cache
def library() -> ctypes.CDLL:
    """The shim, loaded for Python and for hot code; built first if need be. Raises NotBuilt."""
    try:
        return hot.load_library(str(build.library()))
    except OSError:
        # Built against a DPDK that isn't here any more.
        path = build.build()
    try:
        return hot.load_library(str(path))
    except OSError as error:
        raise NotBuilt("DPDK shim", str(error)) from error


@functools.cache
def log() -> Log:
    """DPDK's log; from the first call on, nothing of it goes to the terminal."""
    return Log()


def call(about: str, symbol: str, *arguments: Argument) -> int:
    """Calls a function of the shim. Raises DpdkRefused, which names `about`, when it returns a negative errno."""
    log().drain()  # what came before says nothing about this call
    result = _integer(symbol, *arguments)
    if result < 0:
        raise DpdkRefused(about, -result, log().drain())
    return result


def attempt(symbol: str, *arguments: Argument) -> int:
    """Calls a function of the shim and returns what it returns."""
    return _integer(symbol, *arguments)


def _integer(symbol: str, *arguments: Argument) -> int:
    function = library()[symbol]
    function.restype = ctypes.c_int64
    return int(function(*_passed(arguments)))


def _text(symbol: str, *arguments: Argument) -> str:
    function = library()[symbol]
    function.restype = ctypes.c_char_p
    return bytes(function(*_passed(arguments)) or b"").decode()


def _passed(arguments: Iterable[Argument]) -> list[object]:
    return [ctypes.c_int64(argument) if isinstance(argument, int) else argument for argument in arguments]
