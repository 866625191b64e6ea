"""The live table: what has been shown, what is being shown, and the rate at this moment."""

import time
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bise.bench.generator import Meter
from bise.demo.story import Step

_RECENT = 30  # samples that the present rate is taken over


class Screen:
    """A table that grows with the story. Nothing is drawn where `quiet`."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._steps: list[Step] = []
        self._present: str | None = None
        self._since = time.monotonic()
        self.meter: Meter | None = None

    def live(self) -> Live:
        """Draws itself anew while the block runs."""
        return Live(self, console=self._console, refresh_per_second=8, transient=False, auto_refresh=not self._quiet)

    def begun(self, name: str) -> None:
        self._present, self._since = name, time.monotonic()

    def told(self, step: Step) -> None:
        self._steps.append(step)
        self._present = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._quiet:
            yield table(self._steps, self._present, self._rate(), time.monotonic() - self._since)

    def _rate(self) -> float | None:
        recent = self.meter.samples[-_RECENT:] if self.meter else []
        if len(recent) < 2:
            return None
        first, last = recent[0], recent[-1]
        return (last.arrived - first.arrived) / (last.moment - first.moment)


def table(steps: Sequence[Step], present: str | None, rate: float | None, seconds: float) -> Table:
    drawn = Table(title="A Linux router, with and without Bise", title_style="bold")
    drawn.add_column("what happens")
    drawn.add_column("who forwards")
    drawn.add_column("packets/s", justify="right")
    drawn.add_column("lost", justify="right")
    drawn.add_column("longest gap", justify="right")
    for step in steps:
        drawn.add_row(step.name, step.forwarder, millions(step.packets_per_second), lost(step), gap(step))
    if present is not None:
        now = "" if rate is None else millions(rate)
        drawn.add_row(Text(f"{present} …", style="bold"), "", Text(now, style="bold"), "", f"{seconds:.0f} s")
    return drawn


def millions(rate: float) -> str:
    return f"{rate / 1e6:.3f} M"


def lost(step: Step) -> str:
    return "" if step.lost is None else f"{step.lost:,}"


def gap(step: Step) -> str:
    return "" if step.longest_gap_ns is None else f"{step.longest_gap_ns / 1e6:.1f} ms"
