"""Whether a function compiles, asked of it alone: what the compiler says then names the function's own line."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from bise.errors import BiseError
from bise.hot.header import Header
from bise.hot.mode import MODE, Mode

if MODE is not Mode.INTERPRETED:
    import numba

    from bise.hot.lowering import HeaderType

_NOISE = ("Failed in ", "During: ", "File ", "Overload ")


class DoesNotCompile(BiseError):
    """`line` of the file that was asked about, 0 if unknown; the text says why, in the compiler's words."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def compile_alone(function: Any, source: Callable[..., Any], arguments: Sequence[type[Header] | None]) -> None:
    """Compiles a `hot` function for header instances and integers (None), if anything is compiled in this mode.

    Raises DoesNotCompile, also where the result is no integer.
    """
    if MODE is Mode.INTERPRETED:
        return
    kinds = tuple(numba.types.int64 if kind is None else HeaderType(kind) for kind in arguments)
    try:
        function.compile(kinds)
    except Exception as error:  # not all of the compiler's are its NumbaError
        raise DoesNotCompile(_line(error, source.__code__.co_filename), _why(str(error))) from None
    result = function.overloads[kinds].signature.return_type
    if isinstance(result, numba.types.Optional | numba.types.NoneType):
        raise DoesNotCompile(0, "one of its ways ends without an edge")
    if not isinstance(result, numba.types.Integer | numba.types.Boolean | numba.types.IntEnumMember):
        raise DoesNotCompile(0, f"it returns {result} and no edge")


def _why(text: str) -> str:
    """The first lines that say something: up to the first that is empty, or says where."""
    lines = [line.strip() for line in text.splitlines()]
    start = next((number for number, line in enumerate(lines) if line and not line.startswith(_NOISE)), 0)
    found = []
    for line in lines[start:]:
        if not line or line.startswith(_NOISE):
            break
        found.append(line)
    return " ".join(found).removesuffix(". Raised from None").rstrip(".")


def _line(error: Exception, path: str) -> int:
    """The innermost place inside of the file at `path`; the compiler's paths are relative ones."""
    name = path.rpartition("/")[2]
    places = re.findall(r'File "([^"]*)", line (\d+)', str(error))
    found = [int(line) for file, line in places if file.rpartition("/")[2] == name]
    place = getattr(error, "loc", None)
    return found[0] if found else (place.line if place is not None and place.filename == path else 0)
