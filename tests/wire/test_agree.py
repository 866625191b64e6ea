"""Compiled, checked, in CPython and naively: one meaning on packets that are mostly broken."""

import os
import subprocess
import sys

import pytest

from bise.hot import MODE, Mode

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="runs all modes itself")


@pytest.mark.parametrize(
    ("count", "seed"), [(1000, 1), pytest.param(100_000, 2, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_all_modes_and_the_twins_agree(count, seed):
    command = [sys.executable, "-m", "tests.wire.agree", str(count), str(seed)]
    digests = {}
    for mode in ("compiled", "checked", "interpreted"):
        done = subprocess.run(
            command, env=os.environ | {"BISE_MODE": mode}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{mode}: {done.stderr[-2000:]}"
        digests[mode] = done.stdout
    done = subprocess.run(
        [*command, "naive"], env=os.environ | {"BISE_MODE": "interpreted"}, capture_output=True, text=True, check=True
    )
    digests["naive"] = done.stdout
    assert len(set(digests.values())) == 1, digests
