"""`bise check`: what `bise run` would meet on these ports. Touches nothing and needs no running Bise."""

import os
from typing import TYPE_CHECKING

import typer

from bise.cli import show, status
from bise.cli.run import Ports
from bise.cli.words import Json
from bise.control.messages import Share

if TYPE_CHECKING:
    from bise.control.check import CheckReport

_MARKS = {"good": ("ok", "green"), "costs": ("costs", "yellow"), "stops": ("stops", "bold red")}


def check(
    port: Ports = None,
    json: Json = False,
) -> None:
    """Show what would run natively, which gates stand and what the kernel lacks. Exits with 1 if `bise run` can't."""
    from bise.control import check as machine_check
    from bise.control.config import configuration

    ports = configuration(None, {"ports": port}).ports
    report = machine_check.report(ports)
    native = _native([spec.name for spec in ports])
    if json:
        show.as_json({**report.as_json(), "native": native})
    else:
        _show(report, native)
    if not report.can_run:
        raise typer.Exit(1)


def _native(ports: list[str]) -> dict[str, Share]:
    """What the features say to Linux's routes; nothing without root, who alone may ask for all that matters."""
    from bise.control.machine import interface_exists

    known = [name for name in ports if interface_exists(name)]
    if os.geteuid() != 0 or not known:
        return {}
    from bise.daemon import make_features
    from bise.instance.forecast import forecast

    return forecast(known, make_features)


def _show(report: "CheckReport", native: dict[str, Share]) -> None:
    for finding in report.findings:
        word, style = _MARKS[finding.verdict]
        advice = f" → {finding.advice}" if finding.advice else ""
        show.line(f"{word:>5}  {finding.subject}: {finding.found}{advice}", style if word != "ok" else "")
    show.line("")
    if native:
        status.shares("would run", native)
        show.line("")
    status.gates(list(report.gates))
