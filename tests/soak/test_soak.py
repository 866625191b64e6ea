"""A short soak finds nothing."""

import subprocess
import sys

import pytest

from tests.structure.sources import ROOT

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("options", [[], ["--spread"]], ids=["apart", "handing over"])
def test_a_third_of_a_minute_of_everything_finds_nothing(options: list[str]) -> None:
    command = [sys.executable, "-m", "tests.soak", "--minutes", "0.3", "--seed", "1", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "all is well" in done.stdout
