"""The files that the rules about how the code reads are held against."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "bise"
_BUILT = {"build", "__pycache__", ".venv"}


def files(*folders: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Those of ours; what a build made is left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes and not _BUILT.intersection(path.relative_to(ROOT).parts):
                yield path


def modules(*folders: Path) -> Iterator[tuple[str, ast.Module]]:
    """Each Python file's name in the repository, and what it says."""
    for path in files(*folders, suffixes=(".py",)):
        yield str(path.relative_to(ROOT)), _parsed(path)


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(module: ast.Module) -> set[str]:
    """The packages that `module` imports anywhere in it, by their first name."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found.update(name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def definitions(module: ast.Module) -> Iterator[tuple[int, str]]:
    """The names of functions and classes, with their lines."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def variables(module: ast.Module) -> Iterator[tuple[int, str]]:
    """The names of arguments, variables and attributes, with their lines."""
    for node in ast.walk(module):
        match node:
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def decorators(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Their names, without arguments."""
    calls = (node.func if isinstance(node, ast.Call) else node for node in function.decorator_list)
    return {node.id for node in calls if isinstance(node, ast.Name)}


def is_typed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether each argument and the result are annotated; `__init__` has no result to speak of."""
    words = function.args
    named = [*words.posonlyargs, *words.args, *words.kwonlyargs, *filter(None, (words.vararg, words.kwarg))]
    arguments = all(word.annotation for word in named if word.arg not in ("self", "cls"))
    return arguments and (function.returns is not None or function.name == "__init__")
