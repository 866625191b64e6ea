"""What the verbs share that lead packets without a running worker."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bise.errors import BiseError

if TYPE_CHECKING:
    from bise.offline.router import Users
    from bise.offline.state import State

Interpreted = Annotated[
    bool,
    typer.Option("--interpreted", help="As plain Python: nothing is compiled, and `breakpoint()` works in a node."),
]


Given = Annotated[
    list[Path] | None,
    typer.Option(
        "--node",
        help="A file with nodes of yours, in the place of the state's of that name or besides; repeatable.",
        metavar="FILE",
    ),
]
Without = Annotated[
    bool, typer.Option("--without-nodes", help="Leave out the files with nodes that the state was taken with.")
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


@contextmanager
def users_nodes(state: "State", given: Sequence[Path] | None, without: bool) -> "Iterator[Users]":
    """The nodes that stand in the router while the block runs; says which aren't as they were. Raises BiseError."""
    from bise.offline.users import changed, gather, standing

    files = gather(state, given or (), without)
    for name in changed(state, files):
        print(f"bise: {name} says something else than when the state was taken", file=sys.stderr)
    with standing(state, files) as users:
        yield users


def choose_mode(interpreted: bool) -> None:
    """Says what hot code is to be, before anything imports it. Raises WrongMode where that has happened."""
    if not interpreted:
        return
    hot = sys.modules.get("bise.hot.mode")
    if hot is not None and hot.MODE is not hot.Mode.INTERPRETED:
        raise WrongMode("this process has compiled code already; start it with BISE_MODE=interpreted")
    os.environ["BISE_MODE"] = "interpreted"
