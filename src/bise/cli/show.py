"""Replies on a terminal: tables and numbers for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_COLUMNS = 1000  # nobody folds a pipe
_STYLES = {"forwarding": "green", "native": "green", "gated": "yellow", "punted": "yellow", "kernel": "yellow"}


def console() -> Console:
    """Standard output, as wide as the terminal."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False, soft_wrap=False)


def as_json(reply: Any) -> None:
    """The reply as it came."""
    print(json.dumps(reply, indent=2, ensure_ascii=False))


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A row a line. A column whose name ends with '#' holds numbers; nothing is cut short."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numbers = column.endswith("#")
        grid.add_column(column.removesuffix("#"), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    console().print(grid)


def line(text: str, style: str = "") -> None:
    """One line of text, without markup: names from outside may hold brackets."""
    console().print(Text(text, style=style))


def count(number: int) -> str:
    """1234567 as 1 234 567."""
    return f"{number:,}".replace(",", " ")


def short(number: float | None) -> str:
    """1234567 as 1.23 M, a rate that nobody knows as a dash."""
    if number is None:
        return "-"
    for unit in ("", " k", " M", " G"):
        if number < 999.5:
            return f"{number:.0f}{unit}" if number >= 99.95 or number == int(number) else f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g} T"


def octets(number: int) -> str:
    """268435456 as 256 MiB."""
    size = float(number)
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"


def duration(time_ns: int) -> str:
    """A time span in its two greatest units."""
    seconds = time_ns // 1_000_000_000
    if seconds < 1:
        return f"{time_ns / 1_000_000:.0f} ms"
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        if seconds >= size:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
    return " ".join(parts[:2])


def _cell(value: object) -> Text:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    text = "-" if value is None else count(value) if isinstance(value, int) else str(value)
    return Text(text, style=_STYLES.get(text, ""))
