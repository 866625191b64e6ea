"""`bise check`: what `bise run` would meet on these ports. Touches nothing and needs no running Bise."""

from typing import Annotated

import typer

from bise.cli import show, status
from bise.cli.run import PORT
from bise.cli.words import Json

_MARKS = {"good": ("ok", "green"), "costs": ("costs", "yellow"), "stops": ("stops", "bold red")}


def check(
    port: Annotated[list[str] | None, typer.Option("--port", help=PORT, metavar="PORT")] = None,
    json: Json = False,
) -> None:
    """Show what would run natively, which gates stand and what the kernel lacks. Exits with 1 if `bise run` can't."""
    from bise.control import check as machine_check
    from bise.control.config import configuration

    report = machine_check.report(configuration(None, {"ports": port}).ports)
    if json:
        show.as_json(report.as_json())
    else:
        for finding in report.findings:
            word, style = _MARKS[finding.verdict]
            advice = f" → {finding.advice}" if finding.advice else ""
            show.line(f"{word:>5}  {finding.subject}: {finding.found}{advice}", style if word != "ok" else "")
        show.line("")
        status.gates(list(report.gates))
    if not report.can_run:
        raise typer.Exit(1)
