"""`script/install`: what it puts where, that systemd likes the units, and that nothing is left after --remove."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.sources import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(Path(sys.executable).parent != ROOT / ".venv" / "bin", reason="Bise is not installed in .venv"),
]


def install(prefix: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "script" / "install"), "--prefix", str(prefix), *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    found = tmp_path / "usr"
    assert install(found).returncode == 0
    return found


def test_everything_lies_where_it_is_looked_for(prefix: Path) -> None:
    assert (prefix / "bin/bise").resolve() == (ROOT / ".venv/bin/bise").resolve()
    for name in (
        "share/bash-completion/completions/bise",
        "share/zsh/site-functions/_bise",
        "share/fish/vendor_completions.d/bise.fish",
        "share/man/man1/bise-run.1",
        "lib/systemd/system/bise@.service",
        "lib/systemd/system/bise-web.service",
    ):
        assert (prefix / name).read_text()


def test_a_second_time_changes_nothing_and_remove_leaves_nothing(prefix: Path) -> None:
    before = sorted(str(path) for path in prefix.rglob("*"))
    assert install(prefix).returncode == 0
    assert sorted(str(path) for path in prefix.rglob("*")) == before
    assert install(prefix, "--remove").returncode == 0
    assert not list(prefix.parent.glob("usr/**/*"))


def test_what_somebody_else_put_there_stays(tmp_path: Path) -> None:
    other = tmp_path / "share/man/man1/bise-run.1"
    other.parent.mkdir(parents=True)
    other.write_text("theirs")
    done = install(tmp_path)
    assert (done.returncode, done.stderr) == (1, f"install: {other} is there already, and is not ours\n")
    assert install(tmp_path, "--remove").returncode == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


@pytest.mark.parametrize("unit", ["bise@.service", "bise-web.service"])
def test_systemd_finds_no_fault_with_the_unit(prefix: Path, unit: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    path = prefix / "lib/systemd/system" / unit
    # A template is looked at as one of its instances.
    path = path.rename(path.with_name(unit.replace("@.", "@edge.")))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert "Type=notify" in path.read_text()
