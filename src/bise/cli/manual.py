"""`python -m bise.cli.manual FOLDER`: manual pages (man(7)) made from the command line itself, one a verb."""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer

from bise.cli import app

_EXITS = (
    ("0", "All went well."),
    ("1", "The machine stands in the way, or no Bise answers; one line on standard error says why and what to do."),
    ("2", "The words of the command, or the configuration, can't be meant."),
)
_FILES = (
    ("/run/bise/NAME.sock", "The control socket of the instance NAME; root's own."),
    ("/etc/bise/NAME.toml", "What the service bise@NAME reads."),
    ("/var/cache/bise", "Compiled code; root's own. It may be removed while no Bise starts."),
)


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    root: Any = typer.main.get_command(app)
    verbs = dict(sorted(root.commands.items()))
    found = {"bise.1": "\n".join(_overview(root, verbs)) + "\n"}
    for name, command in verbs.items():
        found[f"bise-{name}.1"] = "\n".join(_verb(name, command, verbs)) + "\n"
    return found


def write(folder: Path) -> list[Path]:
    """Writes each page into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in pages().items():
        (folder / name).write_text(text)
        paths.append(folder / name)
    return paths


def _overview(root: Any, verbs: dict[str, Any]) -> Iterator[str]:
    yield from _head("bise", "a fast path for Linux networking")
    yield from (".SH SYNOPSIS", r".B bise", r".I VERB", r"[\fIOPTION\fR ...]", ".SH DESCRIPTION")
    yield from _text(root.help or "")
    yield ".SH VERBS"
    yield from _terms((f"bise-{name}(1)", _first(command)) for name, command in verbs.items())
    yield from _options(root, "bise")
    yield ".SH FILES"
    yield from _terms(_FILES)
    yield from _end(f"bise-{name}" for name in verbs)


def _verb(name: str, command: Any, verbs: dict[str, Any]) -> Iterator[str]:
    yield from _head(f"bise-{name}", _first(command).rstrip("."))
    yield ".SH SYNOPSIS"
    usage = command.collect_usage_pieces(typer.Context(command, info_name=f"bise {name}"))
    yield rf"\fBbise {_plain(name)}\fR {_plain(' '.join(usage))}"
    yield ".SH DESCRIPTION"
    yield from _text(command.help or "")
    yield from _options(command, f"bise {name}")
    yield from _end(["bise", *(f"bise-{other}" for other in verbs if other != name)])


def _head(name: str, purpose: str) -> Iterator[str]:
    # Without a date: the same command gives the same page.
    yield f'.TH {name.upper()} 1 "" "bise {version("bise")}" "Bise"'
    yield ".SH NAME"
    yield rf"{_plain(name)} \- {_plain(purpose)}"


def _options(command: Any, name: str) -> Iterator[str]:
    asked = typer.Context(command, info_name=name)
    records = [(parameter, parameter.get_help_record(asked)) for parameter in command.get_params(asked)]
    for kind, title in (("argument", "ARGUMENTS"), ("option", "OPTIONS")):
        found = [record for parameter, record in records if record and parameter.param_type_name == kind]
        if found:
            yield f".SH {title}"
            yield from _terms(found)


def _end(others: Iterable[str]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    yield from _terms(_EXITS)
    yield ".SH SEE ALSO"
    yield " ,\n".join(rf".BR {_plain(other)} (1)" for other in others)


def _terms(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in found:
        yield ".TP"
        yield rf"\fB{_plain(term)}\fR"
        yield from _text(meaning)


def _text(text: str) -> Iterator[str]:
    """Paragraphs; what stands between backticks is bold."""
    paragraphs = re.split(r"\n\s*\n", cleandoc(text))
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        plain = _plain(" ".join(paragraph.split()))
        line = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", plain)
        yield rf"\&{line}" if line.startswith((".", "'")) else line


def _plain(text: str) -> str:
    """No character of it is a request or an escape."""
    return text.replace("\\", r"\e").replace("-", r"\-")


def _first(command: Any) -> str:
    """What the verb does, in its first sentence."""
    paragraph = re.split(r"\n\s*\n", cleandoc(command.help or ""))[0]
    return re.split(r"(?<=[.;:])\s", " ".join(paragraph.split()))[0].rstrip(";:")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
