"""Options that verbs share."""

from typing import Annotated, Literal

import typer

from bise.control.socket import instances


def running() -> list[str]:
    """Names that --name may take, as far as the caller may know."""
    return instances()


Name = Annotated[
    str, typer.Option("--name", help="Which Bise to ask, if several run.", metavar="NAME", autocompletion=running)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; docs/json.md explains the keys.")]
Family = Literal["4", "6"]
FamilyOption = Annotated[Family | None, typer.Option("--family", help="Only IPv4 or only IPv6.")]
