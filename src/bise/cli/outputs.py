"""Files that verbs write."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bise.errors import BiseError


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; "-" is standard output. Raises BiseError where it can't be made."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = path.open("wb")
    except OSError as error:
        raise BiseError(f"can't write {path}: {error.strerror}") from None
    with file:
        yield file
