"""`bise bench`: measurements that print ours beside a yardstick, taken in alternation in one run."""

import importlib
import json as json_words
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from bise.cli import show
from bise.cli.words import Json
from bise.errors import BiseError

# Each module has `measure()`, which yields rows with the keys of COLUMNS.
_NAMES = (
    "cores", "failover", "forward", "mirror", "modes", "node", "ports", "start", "swap", "tables", "throughput", "veth",
)  # fmt: skip
BENCHES = {name: f"bise.bench.{name}" for name in _NAMES}
COLUMNS = ("name", "unit", "ours", "yardstick", "ratio", "spread")


class NoSuchBench(BiseError):
    """What was asked for is not measured."""

    exit_status = 2


def bench(
    name: Annotated[str, typer.Argument(help=f"What to measure: {', '.join(BENCHES)}.", metavar="NAME")],
    json: Json = False,
) -> None:
    """Measure Bise beside a yardstick; ratio is ours / yardstick. Wants root, and nothing else running."""
    if name not in BENCHES:
        raise NoSuchBench(f"no bench {name!r}; there are {', '.join(BENCHES)}")
    rows: Iterable[dict[str, Any]] = importlib.import_module(BENCHES[name]).measure()
    if json:
        print(json_words.dumps({"rows": list(rows)}))
        return
    cells = [[_cell(row[column]) for column in COLUMNS] for row in rows]
    show.table(("name", "unit", "ours#", "yardstick#", "ratio#", "spread#"), cells)


def _cell(value: object) -> object:
    return f"{value:,.2f}".replace(",", " ") if isinstance(value, float) else value
