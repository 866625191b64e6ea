"""`bise web`: a page that shows the Bises on this machine live, and their metrics for Prometheus."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from bise.cli import show
from bise.cli.words import running
from bise.control.socket import DIRECTORY
from bise.control.systemd import Supervisor
from bise.errors import BiseError

if TYPE_CHECKING:
    from bise.web.server import Listen


def web(
    listen: Annotated[
        str,
        typer.Option(help="Where to listen. There is no password: whoever reaches it may read.", metavar="ADDR:PORT"),
    ] = "127.0.0.1:8477",
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", help="Show only this one; may be repeated. Else all.", metavar="NAME", autocompletion=running
        ),
    ] = None,
    cycles: Annotated[
        bool,
        typer.Option("--cycles", help="Show what nodes cost, too; to measure it costs a little itself."),
    ] = False,
) -> None:
    """Serve a live page, and metrics for Prometheus at /metrics, until Ctrl-C. Changes nothing."""
    from bise.web import server

    if not name and DIRECTORY.exists() and not os.access(DIRECTORY, os.R_OK | os.X_OK):
        raise BiseError(f"may not look into {DIRECTORY}; try again as root")
    server.serve(server.parse(listen), name or (), _say, cycles)


def _say(listen: "Listen") -> None:
    Supervisor().ready(f"shows {listen.url()}")
    show.line(f"bise web: {listen.url()} in a browser, {listen.url()}metrics for Prometheus; Ctrl-C ends")
    if not listen.loopback:
        show.line("anybody who reaches this address may read: it asks for no password, and changes nothing", "yellow")
