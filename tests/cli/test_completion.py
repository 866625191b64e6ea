"""Completion as the shells themselves do it, and the manual pages; both are made from the command line."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bise import cli
from bise.cli import completion, manual
from tests.control.documented import DOCUMENT
from tests.control.serving import serving
from tests.monitor.instance import Instance

VERBS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
QUESTIONS = {
    "bash": "{script}; COMP_WORDS=({line}); COMP_CWORD={place}; _bise_completion bise; "
    "printf '%s\\n' ${{COMPREPLY[@]}}",
    "fish": "{script}; complete --do-complete '{line}'",
    # Outside of the line editor zsh shows nobody what was found: its own function says what it was given.
    "zsh": "_arguments() {{ printf '%s\\n' $@ }}; compdef() {{ true }}; {script}; "
    "words=({line}); CURRENT={count}; _bise_completion",
}
ZSH_WORD = r'(?:\(\(|\s)"([^"]+)"(?=:"|\s|\))'


def completed(shell: str, line: str) -> set[str]:
    """What `shell` offers for the last word of `line`."""
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell} (script/setup --test)")
    words = line.split(" ")
    text = QUESTIONS[shell].format(
        script=completion.script(shell),  # type: ignore[arg-type]
        line=line,
        place=len(words) - 1,
        count=len(words),
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run([shell, "-c", text], capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stderr
    if shell == "zsh":
        return set(re.findall(ZSH_WORD, done.stdout))
    return {found.split("\t")[0] for found in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("bise st", {"status"}),
        ("bise p", {"ports", "punts"}),
        ("bise routes --fam", {"--family"}),
        ("bise run --mode a", {"adaptive"}),
    ],
)
@pytest.mark.slow
def test_a_shell_completes(shell, line, offered):
    found = completed(shell, line)
    assert offered <= found
    assert not {"check", "bench"} & found


def test_names_that_run_are_offered(call, directory, monkeypatch):
    monkeypatch.setenv("_BISE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "bise status --name ")
    monkeypatch.setenv("COMP_CWORD", "3")
    with serving(directory, Instance("edge").verbs, "edge"):
        assert call().out.split() == ["edge"]


def test_interfaces_are_offered(monkeypatch, tmp_path):
    for name in ("eth1", "eth0", "lo"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(completion, "_INTERFACES", tmp_path)
    assert completion.interfaces() == ["eth0", "eth1"]


def test_every_verb_has_a_page_and_the_overview_names_it():
    pages = manual.pages()
    assert set(pages) == {"bise.1", *(f"bise-{verb}.1" for verb in VERBS)}
    plain = pages["bise.1"].replace("\\-", "-")
    assert all(f"bise-{verb}(1)" in plain for verb in VERBS)


def test_a_page_has_every_option_that_help_has(call):
    for verb in VERBS:
        options = set(re.findall(r"(?<![\w-])--[a-z-]+", call(verb, "--help").out))
        page = manual.pages()[f"bise-{verb}.1"].replace("\\-", "-")
        assert options <= set(re.findall(r"--[a-z-]+", page)), verb


def test_every_verb_that_prints_json_is_explained(call):
    explained = {
        verb for line in re.findall(r"^## (.+)$", DOCUMENT.read_text(), re.MULTILINE) for verb in line.split(", ")
    }
    printing = {verb for verb in VERBS if "--json" in call(verb, "--help").out}
    assert "status" in printing
    assert not printing - explained


def test_man_reads_the_pages_without_a_complaint(tmp_path):
    if shutil.which("man") is None:
        pytest.skip("needs man (script/setup --test)")
    environment = {**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    for path in manual.write(tmp_path):
        done = subprocess.run(
            ["man", "--warnings", "-P", "cat", "-l", str(path)], capture_output=True, text=True, env=environment
        )
        assert (done.returncode, done.stderr) == (0, ""), path.name
        assert f"{path.stem} - " in " ".join(done.stdout.split())


def test_text_is_no_request_and_no_escape():
    assert list(manual._text(".so /etc/passwd \\fB `a-b`")) == [r"\&.so /etc/passwd \efB \fBa\-b\fR"]
