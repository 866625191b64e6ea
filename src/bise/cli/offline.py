"""What the verbs share that lead packets without a running worker."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from bise.errors import BiseError

Interpreted = Annotated[
    bool,
    typer.Option("--interpreted", help="As plain Python: nothing is compiled, and `breakpoint()` works in a node."),
]


class WrongMode(BiseError):
    """The hot code of this process has another meaning already."""


@contextmanager
def patience(interpreted: bool) -> Iterator[None]:
    """Says what takes so long, if compiling does, while the block runs."""
    words = "bise: compiling, which is needed once for this graph (--interpreted needs none) …"
    timer = threading.Timer(3.0, lambda: print(words, file=sys.stderr))
    timer.daemon = True
    if not interpreted:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def choose_mode(interpreted: bool) -> None:
    """Says what hot code is to be, before anything imports it. Raises WrongMode where that has happened."""
    if not interpreted:
        return
    hot = sys.modules.get("bise.hot.mode")
    if hot is not None and hot.MODE is not hot.Mode.INTERPRETED:
        raise WrongMode("this process has compiled code already; start it with BISE_MODE=interpreted")
    os.environ["BISE_MODE"] = "interpreted"
