"""The process that compiles: what becomes of it, and of what it says."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bise.engine.pipeline import PipelineError, compile_elsewhere
from bise.hot import MODE, Mode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MODE is Mode.INTERPRETED, reason="nothing is compiled"),
]

PARENT = """
import asyncio, pathlib, sys
from bise.engine.pipeline import compile_elsewhere
asyncio.run(compile_elsewhere([sys.argv[1]], pathlib.Path(sys.argv[2]), (), 0))
"""


def compilers(module: Path) -> list[int]:
    """Processes that compile `module`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"bise.engine.fill" in words and str(module).encode() in words:
            found.append(int(place.name))
    return found


def comes(condition, seconds=60.0):
    """Whether it holds before so many are over."""
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("late", [False, True])
def test_it_ends_with_a_killed_parent(tmp_path, late):
    module, begun = tmp_path / "slow.py", tmp_path / "begun"
    module.write_text(f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\n")
    with subprocess.Popen([sys.executable, "-c", PARENT, module, tmp_path / "done"]) as parent:
        assert comes(begun.exists if late else lambda: compilers(module))
        parent.send_signal(signal.SIGKILL)
    assert comes(lambda: not compilers(module))


def test_it_ends_when_nobody_waits_for_it_any_more(tmp_path):
    module, begun = tmp_path / "slow.py", tmp_path / "begun"
    module.write_text(f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\n")

    async def given_up() -> None:
        compiling = asyncio.ensure_future(compile_elsewhere([str(module)], tmp_path / "done", (), 0))
        while not begun.exists():
            await asyncio.sleep(0.02)
        compiling.cancel()
        await compiling

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(given_up())
    assert not compilers(module)


def test_what_does_not_compile_is_shown_with_its_line(tmp_path):
    module, done = tmp_path / "wrong.py", tmp_path / "done"
    module.write_text("from bise.hot import entry\n\n\n@entry(1)\ndef wrong(a):\n    return a.nothing\n")
    with pytest.raises(PipelineError, match=r"(?s)wrong.py.*a\.nothing"):
        asyncio.run(compile_elsewhere([str(module)], done, (), 0))
    assert not done.exists()


def test_what_a_module_only_imports_is_left_to_whoever_is_told_to_compile_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BISE_CACHE", str(tmp_path / "cache"))
    module = tmp_path / "asked.py"
    lines = (
        "import bise.engine.clock",
        "from bise.hot import entry",
        "",
        "",
        "@entry(1)",
        "def asked(a):",
        "    return a",
    )
    module.write_text("\n".join(lines) + "\n")
    asyncio.run(compile_elsewhere([str(module)], tmp_path / "done", (), 0))
    assert [path.name.partition("-")[0] for path in (tmp_path / "cache").rglob("*.nbi")] == ["asked.asked"]
