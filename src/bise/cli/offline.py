"""What the verbs share that lead packets without a running worker."""

import os
import sys
from typing import Annotated

import typer

from bise.errors import BiseError

Interpreted = Annotated[
    bool,
    typer.Option("--interpreted", help="As plain Python: nothing is compiled, and `breakpoint()` works in a node."),
]


class WrongMode(BiseError):
    """The hot code of this process has another meaning already."""


def choose_mode(interpreted: bool) -> None:
    """Says what hot code is to be, before anything imports it. Raises WrongMode where that has happened."""
    if not interpreted:
        return
    hot = sys.modules.get("bise.hot.mode")
    if hot is not None and hot.MODE is not hot.Mode.INTERPRETED:
        raise WrongMode("this process has compiled code already; start it with BISE_MODE=interpreted")
    os.environ["BISE_MODE"] = "interpreted"
