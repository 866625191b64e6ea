"""`bise` as a person calls it, in this process, with a control socket of the test's own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import bise.control.socket
from bise import cli
from tests.cli import replies
from tests.control.serving import serving


@dataclass(frozen=True)
class Outcome:
    """What one call left."""

    status: int
    out: str
    error: str

    @property
    def words(self) -> list[list[str]]:
        """Standard output, line by line, split into words."""
        return [line.split() for line in self.out.splitlines()]


Call = Callable[..., Outcome]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where instances have their sockets."""
    monkeypatch.setattr(bise.control.socket, "DIRECTORY", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def call(directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`call("status", "--json")`."""
    # What a verb says to its own process alone is undone after the test.
    monkeypatch.setenv("BISE_MODE", os.environ.get("BISE_MODE", "compiled"))

    def call(*words: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["bise", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def daemon(directory: Path) -> Iterator[None]:
    """Answers like a running Bise."""
    with serving(directory, replies.VERBS):
        yield
