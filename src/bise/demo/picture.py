"""The rates over time: as a PNG, and in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from bise.bench.generator import Sample
from bise.bench.generator.meter import between, rates
from bise.demo.story import Step

_BARS = " ▁▂▃▄▅▆▇█"
_COLOURS = {"kernel": "#888888", "Bise": "#2a7de1"}
_MIXED = "#e1a02a"


def draw(path: Path, samples: Sequence[Sample], steps: Sequence[Step]) -> None:
    """Write the PNG. Raises ImportError where matplotlib is not installed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(12, 5), layout="constrained")
    begin = samples[0].moment
    points = [(moment - begin, rate / 1e6) for moment, rate in rates(samples, 5)]
    axes.plot(*zip(*points, strict=True), color="black", linewidth=0.8)
    top = max(rate for _, rate in points)
    for number, step in enumerate(steps):
        axes.axvspan(step.begun - begin, step.ended - begin, color=_COLOURS.get(step.forwarder, _MIXED), alpha=0.2)
        lost = "" if step.lost is None else f"\nlost: {step.lost}"
        middle = (step.begun + step.ended) / 2 - begin
        height = top * (1.12 if number % 2 else 1.32)
        axes.text(middle, height, step.name + lost, ha="center", va="top", fontsize=8)
    axes.set_ylim(0, top * 1.36)
    axes.set_xlabel("seconds")
    axes.set_ylabel("million packets a second that arrive")
    axes.set_title("A Linux router between two veth pairs: kernel (grey), Bise (blue), changing hands (yellow)")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def bars(samples: Sequence[Sample], columns: int, rows: int = 6) -> list[str]:
    """Lines for the terminal: a column for each stretch of time, its height the rate; the last line is the scale."""
    if len(samples) < 2:
        return []
    heights = _heights(samples, columns)
    top = max(heights) or 1.0
    lines = []
    for row in reversed(range(rows)):
        line = ""
        for height in heights:
            eighths = round(height / top * rows * 8) - row * 8
            line += _BARS[max(0, min(8, eighths))]
        lines.append(f"{top * (row + 1) / rows / 1e6:6.2f} M │{line}")
    return [*lines, f"         └{'─' * len(heights)} {samples[-1].moment - samples[0].moment:.0f} s"]


def _heights(samples: Sequence[Sample], columns: int) -> list[float]:
    step = max(1, len(samples) // max(1, columns))
    pairs = zip(samples[::step], samples[step::step], strict=False)
    return [between(first, last).rate for first, last in pairs]
