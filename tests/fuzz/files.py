"""What people hand to Bise: configurations, ports and packets in words, captures, states. Each is read, or BiseError
says in one line why not."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bise.control import config, port_specs
from bise.errors import BiseError
from bise.offline import captures, state, words


def examine(octets: bytes) -> None:
    """The first octet says what the rest is. Raises what a reader raises but BiseError."""
    if octets:
        with suppress(BiseError):
            READERS[octets[0] % len(READERS)](octets[1:])


@contextmanager
def _file(octets: bytes) -> Iterator[Path]:
    descriptor = os.memfd_create("fuzz", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, octets)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _configuration(octets: bytes) -> None:
    with _file(octets) as path:
        config.configuration(path, {})


def _port(octets: bytes) -> None:
    with suppress(ValueError):  # whoever read the flag or the file says which
        port_specs.parse(octets.decode(errors="replace"))


def _words(octets: bytes) -> None:
    said = words.parse(octets.decode(errors="replace"))
    assert len(words.octets(said, 0x0200_0000_0001)) >= 42


def _capture(octets: bytes) -> None:
    with _file(octets) as path:
        for one in captures.read(path):
            assert one.total >= len(one.octets)


def _state(octets: bytes) -> None:
    with _file(octets) as path:
        state.as_json(state.read(path))


READERS: Sequence[Callable[[bytes], None]] = (_configuration, _port, _words, _capture, _state)
CONFIGURATION, PORT, WORDS, CAPTURE, STATE = range(len(READERS))
