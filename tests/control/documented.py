"""The keys that docs/json.md explains, and those of replies, written alike: `workers[].core`, `native.*.punted` …"""

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "json.md"


def documented(verb: str) -> set[str]:
    """The keys in the table under the heading `verb`."""
    section = re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(verb + "\n"))
    return set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE))


def keys(kind: Any, path: str = "") -> Iterator[str]:
    """Every leaf of a message type."""
    if is_typeddict(kind):
        for name, member in get_type_hints(kind).items():
            yield from keys(member, f"{path}.{name}" if path else name)
    elif get_origin(kind) is list and (is_typeddict(get_args(kind)[0])):
        yield from keys(get_args(kind)[0], f"{path}[]")
    elif get_origin(kind) is dict:
        yield from keys(get_args(kind)[1], f"{path}.*")
    elif get_origin(kind) is types.UnionType and is_typeddict(get_args(kind)[0]):
        yield from keys(get_args(kind)[0], path)
    else:
        yield path


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    """Every leaf of a reply; of a list, those of all its elements."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from keys_of(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for element in value:
            yield from keys_of(element, f"{path}[]")
    else:
        yield path
