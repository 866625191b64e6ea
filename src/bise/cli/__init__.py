"""The command line, one file a verb: each asks the running Bise over the control socket and shows its reply.

General layout: `run` becomes the daemon, `check`, `replay` and `explain --state` need none, `bench` measures, the
others ask. `words` are the options that verbs share, `show` puts replies on the terminal.
"""

import os
import sys
from typing import Annotated

import typer

from bise.cli import (
    bench,
    capture,
    check,
    completion,
    confirm,
    cycles,
    drops,
    explain,
    graph,
    neighbours,
    nodes,
    pipeline,
    ports,
    punts,
    replay,
    routes,
    run,
    state,
    status,
    top,
    trace,
    web,
)
from bise.errors import BiseError

app = typer.Typer(
    help="Bise: a fast path for Linux networking. Linux stays in charge; Bise forwards what it fully understands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (
    run.run,
    check.check,
    status.status,
    ports.ports,
    routes.routes,
    neighbours.neighbours,
    drops.drops,
    punts.punts,
    trace.trace,
    capture.capture,
    cycles.cycles,
    confirm.confirm,
    nodes.nodes,
    explain.explain,
    graph.graph,
    pipeline.pipeline,
    state.state,
    replay.replay,
    bench.bench,
    top.top,
    web.web,
    completion.completion,
):
    app.command()(verb)
app.add_typer(nodes.app, name="node")
completion.teach_shells()


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"bise {version('bise')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """What comes before a verb."""


def main() -> None:
    """The command `bise`. Exits with 1 where the machine stands in the way, 2 where the words do."""
    try:
        try:
            app(prog_name="bise")
        finally:
            sys.stdout.flush()
    except BiseError as error:
        print(f"bise: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has seen enough (`bise routes | head`); the interpreter must not flush into nothing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
