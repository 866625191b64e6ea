"""Linux's objects as JSON and back: addresses and MACs as people write them, what is as usual left out.

`encoded` makes dictionaries, lists, text and numbers of a typed value; `decoded` makes the value of them again, or says
with BiseError at which place they are no such value.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum, IntFlag
from functools import cache
from ipaddress import ip_address
from typing import Any, Union, get_args, get_origin, get_type_hints

from bise.control.objects import address_text, mac_text
from bise.errors import BiseError

_ADDRESSES = frozenset({"address", "peer", "broadcast", "via", "preferred_source", "source"})
_MAC = "mac"


class NotSo(BiseError):
    """What was read is no such value."""

    exit_status = 2


def encoded(value: Any, family: int = 4) -> Any:
    """What JSON can say. `family`: of addresses in objects that don't say it themselves."""
    if is_dataclass(value):
        return {name: _field(name, one, value, family) for name, one in _unusual(value)}
    if isinstance(value, Enum):
        return int(value) if isinstance(value, IntFlag) else value.name.lower()
    if isinstance(value, Mapping):
        return {name: encoded(one, family) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(encoded(one, family) for one in value)
    if isinstance(value, tuple | list):
        return [encoded(one, family) for one in value]
    return value


def _unusual(value: Any) -> list[tuple[str, Any]]:
    found = ((field, getattr(value, field.name)) for field in fields(value))
    return [(field.name, one) for field, one in found if field.default is MISSING or field.default != one]


def _field(name: str, value: Any, owner: Any, family: int) -> Any:
    family = getattr(owner, "via_family", 0) or getattr(owner, "family", 0) or family
    if isinstance(value, int) and name in _ADDRESSES:
        return address_text(6 if value >> 32 else family, value)
    if isinstance(value, int) and name == _MAC:
        return mac_text(value)
    return encoded(value, family)


def decoded(kind: Any, value: Any, place: str) -> Any:
    """The value of type `kind`. Raises NotSo, which names `place` and the way to what is wrong."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return None if value is None and len(kinds) < len(get_args(kind)) else decoded(kinds[0], value, place)
    if origin in (tuple, frozenset, list):
        return origin(_items(get_args(kind)[0], value, place))
    if origin is not None and issubclass(origin, Mapping):
        return {
            name: decoded(get_args(kind)[1], one, f"{place}.{name}") for name, one in _mapping(value, place).items()
        }
    if is_dataclass(kind):
        return _object(kind, value, place)
    if hasattr(kind, "_fields"):
        return kind(*_columns(kind, value, place))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, value, place)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise NotSo(f"{place}: {kind.__name__} expected, not {value!r}")
    return value


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotSo(f"{place}: an object expected, not {value!r}")
    return value


def listed(value: Any, place: str) -> list[Any]:
    """A list as it is. Raises NotSo."""
    if not isinstance(value, list):
        raise NotSo(f"{place}: a list expected, not {value!r}")
    return value


def _items(kind: Any, value: Any, place: str) -> list[Any]:
    return [decoded(kind, one, f"{place}[{number}]") for number, one in enumerate(listed(value, place))]


def _columns(kind: Any, value: Any, place: str) -> list[Any]:
    hints = _hints(kind)
    if len(listed(value, place)) != len(hints):
        raise NotSo(f"{place}: {len(hints)} values expected ({', '.join(hints)})")
    return [decoded(hint, one, f"{place}.{name}") for (name, hint), one in zip(hints.items(), value, strict=True)]


def _object(kind: Any, value: Any, place: str) -> Any:
    hints, given = _hints(kind), _mapping(value, place)
    unknown = given.keys() - hints.keys()
    if unknown:
        raise NotSo(f"{place}: no key {min(unknown)!r}; there are {', '.join(hints)}")
    missing = [field.name for field in fields(kind) if _is_needed(field) and field.name not in given]
    if missing:
        raise NotSo(f"{place}: no {missing[0]}")
    found = {}
    for name, one in given.items():
        at = f"{place}.{name}"
        found[name] = (
            _number(name, one, at) if isinstance(one, str) and _is_text(name) else decoded(hints[name], one, at)
        )
        if _is_text(name) and found[name] is not None and not 0 <= found[name] < 1 << (48 if name == _MAC else 128):
            raise NotSo(f"{at}: {one!r} is no {'MAC' if name == _MAC else 'address'}")
    return kind(**found)


def _is_needed(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _is_text(name: str) -> bool:
    return name in _ADDRESSES or name == _MAC


def _number(name: str, text: str, place: str) -> int:
    try:
        return int(text.replace(":", ""), 16) if name == _MAC else int(ip_address(text))
    except ValueError:
        raise NotSo(f"{place}: {text!r} is no {'MAC' if name == _MAC else 'address'}") from None


def _member(kind: type[Enum], value: Any, place: str) -> Any:
    try:
        return kind(value) if issubclass(kind, IntFlag) else kind[value.upper()]
    except (KeyError, ValueError, AttributeError):
        names = ", ".join(one.name.lower() for one in kind)
        raise NotSo(f"{place}: {value!r} is none of {names}") from None


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
