"""`bise top`, once, live, on terminals of any size, and across a restart."""

import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from rich.console import Console

from bise.cli import show, top_screen
from bise.monitor.monitor import Look
from bise.monitor.report import report
from tests.cli import replies
from tests.control.serving import serving
from tests.monitor.instance import Instance
from tests.monitor.test_report import snapshot


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7, "7"), (6.98, "6.98"), (123.4, "123"), (999, "999"), (999.9, "1 k"), (2_512_345, "2.51 M"),
     (41e9, "41 G"), (5e12, "5 T"), (None, "-")],
)  # fmt: skip
def test_numbers_have_three_digits(number, text):
    assert show.short(number) == text


def test_once_shows_rates(call, directory):
    instance = Instance()
    with serving(directory, instance.verbs):
        outcome = call("top", "--once", "--interval", "0.1")
    assert outcome.status == 0
    assert "bise default: forwarding" in outcome.out
    assert ["eth0", "up", "kernel", "0", "0", "0", "0", "0", "0", "0", "-"] in outcome.words
    assert ["ipv4.version", "0", "70", "000", "version", "is", "not", "4"] in outcome.words
    assert "ipv4.checksum" not in outcome.out


def test_once_as_json_is_the_report(call, directory):
    instance = Instance()
    with serving(directory, instance.verbs):
        found = json.loads(call("top", "--once", "--interval", "0.1", "--json").out)
    assert found["ports"][0]["rates"]["received"] == 0
    assert found["ports"][0]["received"] == replies.PORTS[0]["received"]
    assert found["status"]["pid"] == 4711


def test_nobody_there_is_said_at_once(call, directory):
    outcome = call("top")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.error.startswith("bise: no bise named 'default' runs")


def drawn(look: Look, wide: int, rows: float) -> list[str]:
    console = Console(file=io.StringIO(), width=wide, highlight=False)
    console.print(top_screen.frame(look, wide=wide, rows=rows, foot="every 1 s"))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("wide", [30, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_rates_are_always_there(wide):
    instance = Instance()
    instance.status["gates"] = replies.STATUS["gates"]
    instance.status["notes"] = ["tcpdump on eth0 sees less than it would without Bise: what Bise forwards passes it by"]
    before = snapshot(1, instance)
    instance.ports[0]["received"] += 1234
    lines = drawn(Look(report(before, snapshot(2, instance)), "", 0), wide, 20)
    assert max(len(line) for line in lines) <= wide
    assert any(line.startswith("eth0") and "1.23 k" in line for line in lines)


def test_few_rows_show_the_busiest_and_how_many_more_there_are():
    instance = Instance()
    before = snapshot(1, instance)
    instance.drops[1]["packets"] += 9
    lines = drawn(Look(report(before, snapshot(2, instance)), "", 0), 80, 1)
    assert any(line.startswith("ipv4.martian-source") for line in lines)
    assert not any(line.startswith("ipv4.version") for line in lines)
    assert "… and 1 more" in [line.strip() for line in lines]


class Terminal:
    """`bise top` on a terminal of 60 columns and 16 lines."""

    def __init__(self, directory: os.PathLike[str], *words: str) -> None:
        program = (
            "import sys, pathlib, bise.control.socket as s; from bise import cli; "
            f"s.DIRECTORY = pathlib.Path({str(directory)!r}); sys.argv = ['bise', *{words!r}]; cli.main()"
        )
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 16, 60, 0, 0))
        environment = {**os.environ, "TERM": "xterm"}
        environment.pop("COLUMNS", None)
        command = [sys.executable, "-c", program]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def until(self, text: str) -> str:
        """All that appears up to `text`; what a terminal makes of colours and places is left out."""
        seen, limit = "", time.monotonic() + 20
        while text not in seen and time.monotonic() < limit:
            try:
                raw = os.read(self._master, 65536).decode(errors="replace")
            except OSError:
                break
            seen += re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", raw)
        assert text in seen, seen
        return seen

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextmanager
def terminal(directory: os.PathLike[str], *words: str) -> Iterator[Terminal]:
    found = Terminal(directory, *words)
    try:
        yield found
    finally:
        found.close()


def test_on_a_terminal_it_lives_through_a_restart_and_ends_by_ctrl_c(directory):
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(serving(directory, Instance().verbs))
        screen = stack.enter_context(terminal(directory, "top", "--interval", "0.2"))
        screen.until("eth0")
        screen.until("Ctrl-C ends")
        first.close()
        screen.until("asking again")
        stack.enter_context(serving(directory, Instance(pid=4712).verbs))
        screen.until("restarted")
        screen.process.send_signal(signal.SIGINT)
        screen.until("\x1b[?1049l")
        assert screen.process.wait(10) == 0


@pytest.mark.parametrize("words", [("top", "--interval", "0.1"), ("top", "--interval", "0.1", "--json")])
def test_in_a_pipe_each_look_follows_the_one_before(directory, words):
    program = (
        "import sys, pathlib, bise.control.socket as s; from bise import cli; "
        f"s.DIRECTORY = pathlib.Path({str(directory)!r}); sys.argv = ['bise', *{words!r}]; cli.main()"
    )
    with serving(directory, Instance().verbs):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        while sum("eth0" in line for line in lines) < 3:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(10) == 0
    assert not any("\x1b" in line for line in lines)
    if "--json" in words:
        assert [json.loads(line)["name"] for line in lines] == ["default"] * 3
