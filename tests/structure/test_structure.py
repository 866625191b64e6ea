"""How the code has to read, as far as a machine can tell."""

import ast
import re
import subprocess
import sys

import pytest

from tests.structure.sources import (
    PACKAGE,
    ROOT,
    decorators,
    definitions,
    files,
    imported,
    is_typed,
    modules,
    variables,
)

FILE_LINES, FUNCTION_LINES = 400, 40
CODE = (ROOT / "src", ROOT / "tests", ROOT / "script", ROOT / "examples")
# Each says nothing that a more exact word wouldn't say better.
NEVER_A_PART = {"util", "utils", "helper", "helpers", "manager", "misc", "ctx"}
NEVER_ALONE = {"common", "data", "info"}
# Folders of tests that look at the whole rather than at one part.
WHOLE = {"structure", "oracle", "captures", "product", "examples", "soak", "fuzz"}


def test_files_stay_short():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files(*CODE, suffixes=(".py", ".c", ".h", ".sh", ""))
        if path.is_file() and (lines := path.read_bytes().count(b"\n")) >= FILE_LINES
    }
    assert not long, f"files of {FILE_LINES} lines or more"


def test_functions_stay_short():
    long = {
        f"{name}:{node.lineno} {node.name}": lines
        for name, module in modules(*CODE)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) >= FUNCTION_LINES
    }
    assert not long, f"functions of {FUNCTION_LINES} lines or more"


def test_only_hot_imports_the_compiler():
    others = {
        name
        for name, module in modules(PACKAGE)
        if not name.startswith("src/bise/hot/") and imported(module) & {"numba", "llvmlite"}
    }
    assert not others


def test_c_is_for_ports_and_bpf_programs():
    elsewhere = {
        str(path.relative_to(ROOT))
        for path in files(*CODE, suffixes=(".c", ".h", ".cc", ".S"))
        if PACKAGE / "ports" not in path.parents and not path.name.endswith((".bpf.c", ".bpf.h"))
    }
    assert not elsewhere


def test_bpf_programs_say_that_they_are_gpl_compatible():
    programs = [path for path in files(*CODE, suffixes=(".c",)) if path.name.endswith(".bpf.c")]
    assert programs
    for path in programs:
        text = path.read_text()
        assert "GPL" in text.splitlines()[0], f"{path}: no licence in its first line"
        assert re.search(r'SEC\("license"\) = "[^"]*GPL', text), f"{path}: no licence section"


def test_names_are_words():
    vague = set()
    for name, module in modules(*CODE):
        # In the one door to the compiler its own words are the right ones.
        local = [] if name.startswith("src/bise/hot/") else variables(module)
        public = [*definitions(module), *((0, part) for part in re.split(r"[/.]", name))]
        vague.update(f"{name}:{line} {given}" for line, given in public if given.lower() in NEVER_ALONE)
        vague.update(f"{name}:{line} {given}" for line, given in [*public, *local] if _has_vague_part(given))
    assert not vague


def test_modules_open_with_what_they_are():
    silent = {name for name, module in modules(PACKAGE) if not ast.get_docstring(module)}
    assert not silent


def test_functions_outside_hot_code_state_their_types():
    untyped = {
        f"{name}:{node.lineno} {node.name}"
        for name, module in modules(PACKAGE)
        if not name.startswith("src/bise/hot/")
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not decorators(node) & {"hot", "entry", "node", "query"}
        and not is_typed(node)
    }
    assert not untyped


def test_nothing_is_left_for_later():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    later = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*CODE, ROOT / "docs", suffixes=(".py", ".c", ".h", ".sh", ".md"))
        if path.name != "test_structure.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if marks.search(line)
    }
    assert not later


def test_only_the_daemon_catches_everything():
    catching = {
        f"{name}:{node.lineno}"
        for name, module in modules(PACKAGE)
        for node in ast.walk(module)
        if isinstance(node, ast.ExceptHandler) and _swallows(node) and name != "src/bise/daemon.py"
    }
    assert not catching


def test_tests_mirror_the_tree():
    parts = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - parts - WHOLE == set()


@pytest.mark.parametrize(
    "module", ["bise.cli", "bise.cli.run", "bise.control.config", "bise.control.check", "bise.web.server"]
)
def test_what_answers_people_does_not_load_the_compiler(module):
    words = f"import sys, {module}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words]).returncode == 0


def _has_vague_part(given: str) -> bool:
    """`rxCtxTable` and `rx_ctx_table` are rx, ctx, table; a `do_` in front is an empty word, too."""
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", given)]
    return bool(NEVER_A_PART.intersection(parts)) or given.startswith("do_")


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Catches everything and doesn't pass it on."""
    caught = handler.type
    everything = caught is None or (isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"})
    return everything and not isinstance(handler.body[-1], ast.Raise)
