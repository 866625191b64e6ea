"""The demo shows what it promises, and leaves nothing behind, however it ends."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from bise.bench.generator import Sample
from bise.demo import picture, screen
from bise.demo.story import Step

STEPS = [
    Step("the kernel forwards", "kernel", 1.0, 3.0, 1e6),
    Step("Bise starts", "kernel, then Bise", 3.0, 8.0, 2.5e5, 12, 3_000_000),
    Step("Bise forwards", "Bise", 8.0, 10.0, 1.1e6),
]
SAMPLES = [Sample(number / 100, number * 10_000, number * 9_000) for number in range(1000)]


def test_the_table_shows_every_step_and_the_present_rate() -> None:
    console = Console(width=120, file=io.StringIO())
    console.print(screen.table(STEPS, "a route changes", 250_000.0, 2.0))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for word in ("the kernel forwards", "1.100 M", "12", "3.0 ms", "a route changes …", "0.250 M"):
        assert word in text


def test_bars_are_as_high_as_the_rate() -> None:
    lines = picture.bars(SAMPLES, 40)
    assert all(len(line) <= 60 for line in lines)
    assert lines[0].startswith("  0.90 M")
    assert lines[0].count("█") >= 39


def test_no_samples_make_no_bars() -> None:
    assert picture.bars([], 40) == []


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "demo.png"
    picture.draw(path, SAMPLES, STEPS)
    assert path.read_bytes().startswith(b"\x89PNG")


@contextmanager
def demo(*words: str) -> "Iterator[subprocess.Popen[str]]":
    """It runs, and has ended with the block, whatever happens there."""
    command = [sys.executable, "-m", "bise.demo", *words]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.terminate()  # what can be tidied up is
        running.communicate()


def left_behind(pid: int) -> list[str]:
    namespaces = [path.name for path in Path("/run/netns").glob(f"bisedemo-{pid}-*")]
    sockets = [path.name for path in Path("/run/bise").glob(f"bisedemo-{pid}-*.sock")]
    return namespaces + sockets


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.3, 3.0])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: int, after_s: float) -> None:
    with demo("--picture", str(tmp_path / "demo.png")) as running:
        while not left_behind(running.pid) and running.poll() is None:
            time.sleep(0.01)
        time.sleep(after_s)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    assert running.returncode in (130, 143), said
    assert not left_behind(running.pid)


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_whole_demo_prints_its_figures(tmp_path: Path) -> None:
    with demo("--json", "--seconds", "1", "--picture", str(tmp_path / "demo.png")) as running:
        figures, said = running.communicate(timeout=590)
    assert running.returncode == 0, said
    found = json.loads(figures)
    assert [row["name"] for row in found["rows"]] == ["veth", "vhost-user"]
    assert all(row["ours"] > 0 and row["ratio"] > 0 for row in found["rows"])
    assert len(found["steps"]) == 8
    assert (tmp_path / "demo.png").exists()
    assert not left_behind(running.pid)
