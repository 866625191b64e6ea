"""What the operator asks of one Bise: `bise.toml` and the flags of `bise run`, read into one frozen value.

Nothing here is anything that Linux already knows. A flag replaces what the file says.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from bise.control.port_specs import PortSpec, parse, resource
from bise.errors import BiseError

LEAST_MEMORY = 32 << 20
MOST_CONFIRM_S = 24 * 3600


class ConfigurationError(BiseError):
    """A setting that can't be meant, and where it stands."""

    exit_status = 2


class Mode(StrEnum):
    """How a worker waits for packets."""

    POLL = "poll"
    ADAPTIVE = "adaptive"
    INTERRUPT = "interrupt"


class Spread(StrEnum):
    """Of which ports Bise itself spreads packets over the workers: those with fewer queues than there are workers, all,
    or none."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class Configuration:
    """One Bise. `memory`: octets of the packet pool. `queues`: of each port, None for one a worker at most.

    `cores` is empty where the operator named none, until `machine.admitted` chooses. `nodes`: users' files. `replaces`:
    it takes over from the one of its name that runs.
    """

    name: str = "default"
    ports: tuple[PortSpec, ...] = ()
    cores: tuple[int, ...] = ()
    mode: Mode = Mode.ADAPTIVE
    memory: int = 256 << 20
    queues: int | None = None
    confirm_ns: int | None = None
    nodes: tuple[Path, ...] = ()
    replaces: bool = False
    spread: Spread = Spread.NEVER


def configuration(path: Path | None, flags: Mapping[str, object]) -> Configuration:
    """The file's settings, replaced by those `flags` that are not None or empty."""
    settings = {} if path is None else read(path)
    for key, value in flags.items():
        if value is None or value == []:
            continue
        try:
            settings[key] = _SETTINGS[key](value)
        except ValueError as error:
            raise ConfigurationError(f"{_FLAGS.get(key, '--' + key)}: {error}") from None
    confirm_s = settings.pop("confirm", None)
    settings["replaces"] = bool(settings.pop("replace", False))
    wanted = Configuration(**settings)
    return wanted if confirm_s is None else replace(wanted, confirm_ns=confirm_s * 1_000_000_000)


def read(path: Path) -> dict[str, Any]:
    """The settings in `path`; ConfigurationError names file, line and key."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 (octet {error.start})") from None
    except (ValueError, RecursionError) as error:  # tomllib's own, and those that too long and too deep ones raise
        raise ConfigurationError(_syntax(path, text, str(error))) from None
    settings: dict[str, Any] = {}
    for key, value in document.items():
        try:
            if key not in _FILE_KEYS:
                raise ValueError(f"no such key; there are {', '.join(_FILE_KEYS)}")
            settings[key] = _SETTINGS[key](value)
        except ValueError as error:
            raise ConfigurationError(f"{path}:{_line(text, key, str(error))}: {key}: {error}") from None
    # A file's own place is what it means by a path.
    if "nodes" in settings:
        settings["nodes"] = tuple(path.parent / node for node in settings["nodes"])
    return settings


def _syntax(path: Path, text: str, message: str) -> str:
    """tomllib says "… (at line 3, column 7)"; say it as the other errors do."""
    found = re.search(r" \(at line (\d+), column \d+\)$", message)
    if found:
        return f"{path}:{found[1]}: {message[: found.start()]}"
    return f"{path}:{text.count(chr(10)) + 1}: {message}"


def _line(text: str, key: str, complaint: str) -> int:
    """The line to look at: where `complaint` quotes a string that stands after `key`, else where `key` does."""
    lines = text.splitlines()
    words = re.escape(key)
    starts = re.compile(rf"""\s*(\[+\s*)?(["']?){words}\2\s*([.=\]]|$)""")
    first = next((number for number, line in enumerate(lines) if starts.match(line)), 0)
    quoted = re.match(r"'([^']+)'", complaint)
    for number in range(first, len(lines)):
        if quoted and quoted[1] in lines[number]:
            return number + 1
    return first + 1


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", value):
        raise ValueError(f"a name is 1 to 32 letters, digits, '-', '_' and '.', a letter or digit first, not {value!r}")
    return value


def _ports(value: object) -> tuple[PortSpec, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError('a list of strings, like ["eth0", "eth1"]')
    specs: dict[str, PortSpec] = {}
    for text in value:
        spec = parse(text)
        for known in specs.values():
            if spec.name == known.name or resource(spec) == resource(known):
                raise ValueError(f"{text!r} is the same port as {known.name!r}; give each port once, and each its name")
        specs[text] = spec
    return tuple(specs.values())


def _cores(value: object) -> tuple[int, ...]:
    if isinstance(value, str):
        value = [core for word in value.split(",") for core in _core_range(word)]
    if not isinstance(value, list) or not value or not all(type(core) is int and core >= 0 for core in value):
        raise ValueError(f"a list of core numbers, like [0, 1], not {value!r}")
    if len(set(value)) < len(value):
        raise ValueError("a core is given twice; a core runs one worker")
    return tuple(value)


def _core_range(word: str) -> range:
    found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", word.strip(), re.ASCII)
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise ValueError(f"core numbers like 0,1 or 0-3, not {word!r}")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _nodes(value: object) -> tuple[Path, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str | Path) for one in value):
        raise ValueError('a list of files, like ["/etc/bise/my_node.py"]')
    paths = tuple(Path(one) for one in value)
    if len({path.stem for path in paths}) < len(paths):
        raise ValueError("two files of the same name; nodes are named after their file")
    return paths


def _mode(value: object) -> Mode:
    if value not in list(Mode):
        raise ValueError(f"{', '.join(Mode)}: one of these, not {value!r}")
    return Mode(str(value))


def _spread(value: object) -> Spread:
    if value not in list(Spread):
        raise ValueError(f"{', '.join(Spread)}: one of these, not {value!r}")
    return Spread(str(value))


def _memory(value: object) -> int:
    found = re.fullmatch(r"(\d{1,15})([KMGT]?)(?:i?B)?", str(value), re.ASCII)
    if isinstance(value, bool) or found is None:
        raise ValueError(f"an amount like 256M or 1G, not {value!r}")
    octets = int(found[1]) << (10 * " KMGT".index(found[2] or " "))
    if octets < LEAST_MEMORY:
        raise ValueError(f"{value} is too little; the packets in flight need {LEAST_MEMORY >> 20}M at least")
    return octets


def _number(least: int, most: int) -> Callable[[object], int]:
    def number(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a number from {least} to {most}, not {value!r}")
        return value

    return number


_SETTINGS: Mapping[str, Callable[[object], Any]] = {
    "name": _name,
    "ports": _ports,
    "cores": _cores,
    "mode": _mode,
    "memory": _memory,
    "queues": _number(1, 64),
    "spread": _spread,
    "confirm": _number(1, MOST_CONFIRM_S),
    "nodes": _nodes,
    "replace": bool,
}
# Who stays logged in, and what runs already, are no properties of a configuration.
_FILE_KEYS = [key for key in _SETTINGS if key not in ("confirm", "replace")]
_FLAGS = {"ports": "--port", "nodes": "--node"}
