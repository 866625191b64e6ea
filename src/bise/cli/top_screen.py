"""A look at a running Bise as it stands on a terminal: the columns that there is room for, the busiest rows first."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bise.cli import show
from bise.monitor.monitor import Look
from bise.monitor.report import PortReport, ReasonReport, Report

T = TypeVar("T")
_NARROW, _WIDE = 70, 110
_STYLES = {"up": "green", "down": "red", "gone": "red"}


class Column(NamedTuple):
    """`least`: how wide the terminal must be for it. A name that ends with '#' is of numbers."""

    name: str
    least: int
    cell: Callable[[Any], object]


def _rate(name: str, factor: int = 1) -> Callable[[PortReport], str]:
    def cell(port: PortReport) -> str:
        rates: Any = port["rates"]
        return show.short(rates[name] * factor if rates else None)

    return cell


_PORTS = (
    Column("port", 0, lambda port: port["name"]),
    Column("state", 50, lambda port: port["state"]),
    Column("kind", _WIDE, lambda port: port["kind"]),
    Column("in/s#", 0, _rate("received")),
    Column("out/s#", 0, _rate("transmitted")),
    Column("in bit/s#", _NARROW, _rate("received_octets", 8)),
    Column("out bit/s#", _NARROW, _rate("transmitted_octets", 8)),
    Column("punted/s#", _NARROW, _rate("punted")),
    Column("left/s#", _NARROW, _rate("left")),
    Column("dropped/s#", 40, _rate("dropped")),
    Column("gate", _WIDE, lambda port: port["gate"] or "-"),
)
_WORKERS = (
    Column("core#", 0, lambda worker: str(worker["core"])),
    Column("packets/s#", 0, lambda worker: show.short(worker["rate"])),
    Column("busy#", 0, lambda worker: f"{worker['busy']:.0%}"),
    Column("", 40, lambda worker: "█" * round(20 * worker["busy"])),
    Column("packets#", _NARROW, lambda worker: worker["packets"]),
)
_REASONS = (
    Column("reason", 0, lambda each: each["reason"]),
    Column("packets/s#", 0, lambda each: show.short(each["rate"])),
    Column("packets#", 40, lambda each: each["packets"]),
    Column("meaning", _NARROW, lambda each: each["meaning"]),
)
_NODES = (
    Column("node", 0, lambda node: node["node"]),
    Column("cycles/packet#", 0, lambda node: f"{node['cycles']:.1f}"),
    Column("sampled#", 40, lambda node: node["packets"]),
)


def frame(look: Look, *, wide: int, rows: float = math.inf, quiet_s: float | None = None, foot: str = "") -> Group:
    """All of it; at most `rows` of each table. `quiet_s`: how long nobody has answered, None if somebody does."""
    lines: list[Any] = []
    if look.trouble:
        since = "" if quiet_s is None else f" (no answer for {quiet_s:.0f} s; asking again)"
        lines.append(Text(f"{look.trouble}{since}", style="bold red"))
    if look.report is not None:
        lines += _parts(look.report, look.restarts, wide, rows)
    if foot:
        lines.append(Text(foot, style="dim"))
    return Group(*lines)


def _parts(report: Report, restarts: int, wide: int, rows: float) -> Iterable[Any]:
    yield _head(report, restarts, wide)
    yield from _table(_PORTS, report["ports"], wide, rows)
    yield from _table(_WORKERS, report["workers"], wide, rows)
    for title in ("drops", "punts"):
        met = _busiest(report[title])
        yield from _table((Column(title, 0, _REASONS[0].cell), *_REASONS[1:]), met, wide, rows)
    nodes = sorted(report["nodes"] or [], key=lambda node: -node["cycles"])
    yield from _table(_NODES, nodes, wide, rows)
    if report["nodes"] == [] and rows >= 3:
        yield Text("\nnodes: nothing sampled yet", style="dim")
    yield from _gates(report, rows)
    for note in report["notes"]:
        yield Text(note, style="yellow", no_wrap=True, overflow="ellipsis")


def _head(report: Report, restarts: int, wide: int) -> Text:
    status = report["status"]
    text = Text.assemble(
        (f"bise {report['name']}", "bold"), ": ", (status["state"], "green" if _forwards(report) else "yellow")
    )
    if wide >= _NARROW:
        text.append(f" · up {show.duration(status['uptime_ns'])} · mode {status['mode']} · version {status['version']}")
    if restarts:
        text.append(f" · restarted {restarts} times" if restarts > 1 else " · restarted", style="yellow")
    return text


def _forwards(report: Report) -> bool:
    return report["status"]["state"] == "forwarding"


def _busiest(reasons: Iterable[ReasonReport]) -> list[ReasonReport]:
    """Those that have occurred."""
    met = (each for each in reasons if each["packets"])
    return sorted(met, key=lambda each: (-(each["rate"] or 0), -each["packets"]))


def _table(columns: Sequence[Column], found: Sequence[T], wide: int, rows: float) -> Iterable[Any]:
    """Nothing where there is nothing to show; one row a line, cut off at the edge."""
    if not found:
        return
    fitting = [column for column in columns if column.least <= wide]
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in fitting:
        numbers = column.name.endswith("#")
        grid.add_column(
            column.name.removesuffix("#"), justify="right" if numbers else "left", no_wrap=True, overflow="ellipsis"
        )
    shown = found if len(found) <= rows else found[: int(rows)]
    for each in shown:
        grid.add_row(*(_cell(column.cell(each)) for column in fitting))
    if rows >= 3:
        yield Text("")
    yield grid
    if len(shown) < len(found):
        yield Text(f"… and {len(found) - len(shown)} more", style="dim")


def _cell(value: object) -> Text:
    text = show.count(value) if isinstance(value, int) else str(value)
    return Text(text, style=_STYLES.get(text, ""))


def _gates(report: Report, rows: float) -> Iterable[Text]:
    gates = report["status"]["gates"]
    if gates and rows >= 3:
        yield Text("")
    for number, gate in enumerate(gates):
        if number >= rows:
            yield Text(f"… and {len(gates) - number} more gates", style="dim")
            return
        words = f"gate {gate['name']}: {gate['subject']}; {gate['effect']}"
        yield Text(words, style="yellow", no_wrap=True, overflow="ellipsis")
