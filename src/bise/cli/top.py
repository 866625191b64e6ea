"""`bise top`: what a running Bise does, looked at again and again."""

import json as json_words
import math
import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from bise.cli import show, top_screen
from bise.cli.words import Json, Name
from bise.errors import BiseError
from bise.monitor.monitor import Look, Monitor

_PATIENCE_S = 2.0  # then the screen says that nobody answers


def top(
    interval: Annotated[float, typer.Option(min=0.1, max=3600, help="Between looks.", metavar="SECONDS")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print rates over one interval, and end.")] = False,
    cycles: Annotated[
        bool, typer.Option("--cycles/--no-cycles", help="Whether to sample what nodes cost; it costs a little itself.")
    ] = True,
    name: Name = "default",
    json: Json = False,
) -> None:
    """Show ports, workers, drops, punts, gates and nodes with their rates, live, until Ctrl-C.

    Where nobody looks at a terminal, each look is printed below the one before; with --json, one a line.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Monitor(name, reply_within_s=_PATIENCE_S, cycles=cycles) as monitor:
        first = monitor.look()
        if first.report is None:
            raise BiseError(first.trouble)
        if once:
            _once(_next(monitor, interval), json)
        elif json:
            _lines(monitor, interval)
        else:
            _live(monitor, first, interval)


def _next(monitor: Monitor, interval: float) -> Look:
    time.sleep(interval)
    return monitor.look()


def _once(look: Look, json: bool) -> None:
    if look.report is None:
        raise BiseError(look.trouble)
    if json:
        show.as_json(look.report)
    else:
        show.console().print(top_screen.frame(look, wide=show.console().width))


def _lines(monitor: Monitor, interval: float) -> None:
    """A report a line, whenever there is one; trouble is a line, too."""
    try:
        while True:
            look = _next(monitor, interval)
            print(json_words.dumps(look.report or {"name": monitor.name, "trouble": look.trouble}), flush=True)
    except KeyboardInterrupt:
        return


def _live(monitor: Monitor, look: Look, interval: float) -> None:
    on_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    # None: as wide as the terminal, however that changes.
    console = Console(highlight=False) if on_terminal else show.console()
    screen = _Screen(console, interval)
    with ExitStack() as stack:
        if on_terminal:
            live = stack.enter_context(Live(screen, console=console, screen=True, auto_refresh=False))
        try:
            while True:
                screen.saw(look)
                if on_terminal:
                    live.refresh()
                elif look.report is None or look.report["interval_ns"]:
                    console.print(screen.whole())
                    sys.stdout.flush()
                look = _next(monitor, interval)
        except KeyboardInterrupt:
            return


class _Screen:
    """The last report that there was, fitted to the terminal, under what is wrong now."""

    def __init__(self, console: Console, interval: float) -> None:
        self._console, self._interval = console, interval
        self._look, self._shown, self._answered = Look(None, "", 0), Look(None, "", 0), time.monotonic()

    def saw(self, look: Look) -> None:
        self._look = look
        if look.report is not None:
            self._shown, self._answered = look, time.monotonic()

    def __rich__(self) -> Any:
        """As many rows of each table as the terminal has room for."""
        rows: float = math.inf
        drawn = self._draw(rows)
        for rows in (20, 12, 8, 5, 3, 2, 1, 0):
            if len(self._console.render_lines(drawn, pad=False)) <= self._console.height:
                break
            drawn = self._draw(rows)
        return drawn

    def whole(self) -> Any:
        """With every row, for a pipe; a line of dashes ends it."""
        return self._draw(math.inf, end="-" * 60)

    def _draw(self, rows: float, end: str = "Ctrl-C ends") -> Any:
        quiet_s = time.monotonic() - self._answered if self._look.report is None else None
        look = Look(self._shown.report, self._look.trouble, self._look.restarts)
        every = f"every {self._interval:g} s · {end}" if end.startswith("Ctrl") else end
        return top_screen.frame(look, wide=self._console.width, rows=rows, quiet_s=quiet_s, foot=every)
