"""Puts the figures of `bise bench modes --json` into docs/modes.md, as a table, and beside it, as a picture.

.venv/bin/bise bench modes --json >build/modes.json && .venv/bin/python script/draw_modes.py build/modes.json
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- figures, made by script/draw_modes.py -->", "<!-- end of figures -->"
FORWARDERS = ("poll", "adaptive", "interrupt", "kernel")
LOADS = ("idle", "1 kpps", "100 kpps", "full load")
PERCENTILES = ("50 %", "99 %", "99.9 %")
COLOURS = dict(zip(FORWARDERS, ("#b2182b", "#ef8a62", "#67a9cf", "#777777"), strict=True))

Figures = Mapping[tuple[str, str, str], float]  # by forwarder, load and what it is


def read(path: Path) -> Figures:
    """The kernel's stand beside each mode's."""
    found: dict[tuple[str, str, str], float] = {}
    for row in json.loads(path.read_text())["rows"]:
        place, what = row["name"].split(": ")
        mode, load = place.split(", ")
        found[mode, load, what] = row["ours"]
        found["kernel", load, what] = row["yardstick"] or 0.0
    return found


def table(figures: Figures) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| load | who | latency in us: half, 99 %, 99.9 % below | CPU, % of a core | forwarded, packets/s |"
    yield "| --- | --- | --- | --- | --- |"
    for load in LOADS:
        for who in FORWARDERS:
            latency = [figures.get((who, load, f"latency, {percent}")) for percent in PERCENTILES]
            below = ", ".join(f"{value:,.0f}".replace(",", " ") for value in latency if value is not None) or "-"
            rate = figures.get((who, load, "forwarded"))
            told = f"{rate:,.0f}".replace(",", " ") if rate is not None else "-"
            yield f"| {load} | {who} | {below} | {figures[who, load, 'CPU']:.1f} | {told} |"


def draw(figures: Figures, path: Path) -> None:
    """A panel of latencies for each load, and one of CPU."""
    mpl.rcParams.update({"svg.hashsalt": "modes", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9})
    figure, panels = plt.subplots(1, 4, figsize=(11, 3.2), width_ratios=(1, 1, 1, 1.3), layout="constrained")
    for panel, load in zip(panels, LOADS[1:], strict=False):
        _bars(panel, {who: [figures[who, load, f"latency, {part}"] for part in PERCENTILES] for who in FORWARDERS})
        panel.set(title=f"latency at {load}", yscale="log", ylabel="us" if load == LOADS[1] else "")
        panel.set_xticks(range(len(PERCENTILES)), PERCENTILES)
    _bars(panels[-1], {who: [figures[who, load, "CPU"] for load in LOADS] for who in FORWARDERS})
    panels[-1].set(title="CPU, % of a core")
    panels[-1].set_xticks(range(len(LOADS)), LOADS)
    panels[-1].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _bars(panel: Axes, columns: Mapping[str, list[float]]) -> None:
    width = 0.8 / len(columns)
    for number, (who, values) in enumerate(columns.items()):
        places = [place + (number - (len(columns) - 1) / 2) * width for place in range(len(values))]
        panel.bar(places, values, width, label=who, color=COLOURS[who])
    panel.spines[["top", "right"]].set_visible(False)


def main(rows: str) -> None:
    figures, page = read(Path(rows)), DOCS / "modes.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = "\n".join(table(figures))
    page.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}")
    draw(figures, DOCS / "modes.svg")


if __name__ == "__main__":
    main(*sys.argv[1:])
