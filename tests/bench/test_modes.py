"""The figures of the ways of waiting: what is told of looks, and a small run."""

import importlib.util
import json
import os
import time
from pathlib import Path

import pytest

from bise.bench import modes
from bise.bench.modes import FULL, IDLE, KERNEL, LOADS, MODES, Look
from bise.cli.bench import COLUMNS
from tests.structure.sources import ROOT


def round_of(factor: float) -> dict[str, dict[str, Look]]:
    """Every look alike, Bise's `factor` times the kernel's."""
    forwarders = {KERNEL: 1.0, **dict.fromkeys(MODES, factor)}
    return {
        name: dict.fromkeys(LOADS, Look((10 * f, 20 * f, 30 * f), 50 * f, 1e6 * f)) for name, f in forwarders.items()
    }


def test_figures_are_the_medians_of_the_rounds():
    found = {row["name"]: row for row in modes.rows([round_of(factor) for factor in (3.0, 1.0, 2.0)])}
    assert len(found) == len(MODES) * (1 + 5 + 5 + 5)
    assert found["poll, idle: CPU"] | {"ours": 100.0, "yardstick": 50.0, "spread": 1.0} == found["poll, idle: CPU"]
    assert found[f"interrupt, {FULL}: latency, 99.9 %"]["ours"] == 60.0
    assert found[f"adaptive, {FULL}: forwarded"]["ratio"] == 2.0
    assert not any(IDLE in name and "latency" in name for name in found)


def test_the_page_has_a_line_for_each_forwarder_and_load(tmp_path: Path):
    told = importlib.util.spec_from_file_location("draw_modes", ROOT / "script" / "draw_modes.py")
    drawing = importlib.util.module_from_spec(told)
    told.loader.exec_module(drawing)
    rows, picture = tmp_path / "rows.json", tmp_path / "modes.svg"
    rows.write_text(json.dumps({"rows": list(modes.rows([round_of(2.0)]))}))
    figures = drawing.read(rows)
    lines = list(drawing.table(figures))
    assert len(lines) == 2 + 4 * len(LOADS)
    assert "| full load | poll | 20, 40, 60 | 100.0 | 2 000 000 |" in lines
    assert "| full load | kernel | 10, 20, 30 | 50.0 | 1 000 000 |" in lines
    assert "| idle | poll | - | 100.0 | - |" in lines
    drawing.draw(figures, picture)
    assert "interrupt" in picture.read_text()
    page = (ROOT / "docs" / "modes.md").read_text()
    assert drawing.BEGIN in page
    assert drawing.END in page


def test_time_that_was_run_is_that_of_all_threads():
    before, begun = modes.ran_ns([os.getpid()]), time.process_time_ns()
    while time.process_time_ns() < begun + 50_000_000:
        pass
    assert modes.ran_ns([os.getpid()]) - before >= 45_000_000


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_small_run_has_all_rows():
    rows = {row["name"]: row for row in modes.measure(1, 0.1)}
    assert all(tuple(row) == COLUMNS for row in rows.values())
    assert 0 < rows["poll, 100 kpps: latency, 50 %"]["ours"] < 50_000
    assert rows["poll, idle: CPU"]["ours"] > rows["interrupt, idle: CPU"]["ours"] > 0
