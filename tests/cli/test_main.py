"""The command itself."""

import subprocess
import sys
from importlib.metadata import version

from bise import cli
from bise.errors import BiseError


def test_the_version_is_the_package_s(call):
    assert call("--version").out == f"bise {version('bise')}\n"


def test_help_lists_the_verbs(call):
    out = call("--help").out
    for verb in ("run", "check", "status", "ports", "routes", "neighbours", "drops", "punts", "confirm"):
        assert f" {verb} " in out


def test_an_error_of_ours_is_one_line_and_its_own_status(call, monkeypatch):
    class Odd(BiseError):
        exit_status = 7

    def stop(prog_name: str) -> None:
        raise Odd("a reason; a remedy")

    monkeypatch.setattr(cli, "app", stop)
    outcome = call()
    assert (outcome.status, outcome.error) == (7, "bise: a reason; a remedy\n")


def test_a_reader_that_has_seen_enough_ends_it_quietly():
    program = "import sys; from bise import cli; sys.argv = ['bise', '--help']; cli.main()"
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.communicate(timeout=20)[1] == b""
    assert writer.returncode == 1
