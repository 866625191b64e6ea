"""docs/first-node.md: its files are written as they stand there, its commands run, and they print what it says."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bise.bench.namespaces import Namespace
from tests.namespaces import Port, Topology
from tests.product.router import BISE, routed
from tests.structure.sources import ROOT

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

PAGE = (ROOT / "docs" / "first-node.md").read_text()
ATTEMPTS = 3
RUN = "bise run --port eth0 --port eth1 --node big_ping.py"


def files() -> dict[str, str]:
    """What the page says is in each file."""
    return dict(re.findall(r"^```python (\S+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))


def commands() -> Iterator[tuple[str, str, list[str]]]:
    """Who enters what, and what is printed."""
    command: tuple[str, str, list[str]] | None = None
    for line in re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL).splitlines():
        entered = re.fullmatch(r" {4}(host)?\$ (.*)", line)
        if (entered or not line.startswith("    ")) and line and command:
            yield command
            command = None
        if entered:
            command = (entered[1] or "", entered[2], [])
        elif command and line:
            command[2].append(line[4:])


def pattern(lines: list[str]) -> str:
    """A page's "…" stands for anything, alone in its line for any number of lines."""
    return "".join("(?:.*\n)*?" if one == "…" else re.escape(one).replace("…", ".*") + "\n" for one in lines)


def said(place: Namespace, folder: Path, name: str, command: str) -> str:
    """What a command prints, without empty lines."""
    to_us = re.sub(r"^bise (drops|explain|nodes|node (?!check)\w+)", rf"bise \1 --name {name}", command)
    path = f"{Path(BISE).parent}:{os.environ['PATH']}"
    process = place.start(
        *("sh", "-c", to_us),
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    out, _ = process.communicate(timeout=400)
    assert process.returncode == 0, out.decode()
    return "".join(f"{line.rstrip()}\n" for line in out.decode().splitlines() if line.strip())


def test_the_page_is_true(tmp_path: Path) -> None:
    entered = list(commands())
    started = next(number for number, (_, command, _) in enumerate(entered) if command == RUN)
    write_files(tmp_path)
    with Topology((Port("eth0", 1), Port("eth1", 2)), hosts="answering") as topology:
        for _, command, expected in entered[:started]:
            assert re.fullmatch(pattern(expected), said(topology.router, tmp_path, "", command)), command
        for _ in range(ATTEMPTS):
            write_files(tmp_path)
            if is_true_while_running(topology, tmp_path, entered[started + 1 :]):
                return
    pytest.fail(f"a worker was late in {ATTEMPTS} attempts: this machine is too busy to tell")


def write_files(folder: Path) -> None:
    for name, text in files().items():
        (folder / name).write_text(text)


def is_true_while_running(topology: Topology, folder: Path, entered: list[tuple[str, str, list[str]]]) -> bool:
    """False where other numbers came than the page says because packets were Linux's: a worker got no time."""
    with routed(topology, ("--node", str(folder / "big_ping.py"))) as router:
        for who, command, expected in entered:
            place = topology.hosts["eth0"] if who else topology.router
            found = said(place, folder, router.bise.name, command)
            if not re.fullmatch(pattern(expected), found):
                assert any(router.counters(port.name)["steering"].get("late") for port in topology.ports), (
                    f"{command}\n{found}"
                )
                return False
    return True


def test_the_page_has_commands() -> None:
    assert [command for _, command, _ in commands()].count(RUN) == 1
    assert sum(len(expected) for _, _, expected in commands()) > 15
