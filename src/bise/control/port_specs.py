"""Ports as the operator writes them (`eth0`, `vhost-user:/run/vm0.sock,name=vm0`) and the typed values they mean."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

NAME_OCTETS = 15  # IFNAMSIZ without its closing zero


@dataclass(frozen=True)
class KernelPort:
    """A NIC that stays the kernel's; packets come by AF_XDP.

    `untagged`: the operator vouches that no packet comes with a VLAN tag, for drivers that don't tell.
    """

    kind: ClassVar[str] = "kernel"
    name: str
    untagged: bool = False


@dataclass(frozen=True)
class VhostUserPort:
    """The host's end of a virtual machine's NIC. `client`: the machine monitor made the socket, else we do.

    `queues` 0: one for each worker.
    """

    kind: ClassVar[str] = "vhost-user"
    name: str
    path: str
    queues: int = 0
    client: bool = False


@dataclass(frozen=True)
class MemifPort:
    """Shared memory between two processes. `server`: we make the socket. `id` tells the links of one socket apart."""

    kind: ClassVar[str] = "memif"
    name: str
    path: str
    id: int = 0
    server: bool = False


@dataclass(frozen=True)
class PciPort:
    """A NIC taken from the kernel, driven by DPDK."""

    kind: ClassVar[str] = "pci"
    name: str
    address: str


@dataclass(frozen=True)
class PcapPort:
    """Packets from one capture file, packets to another; `None`: receive nothing, or throw away what is sent."""

    kind: ClassVar[str] = "pcap"
    name: str
    receive: str | None = None
    transmit: str | None = None


@dataclass(frozen=True)
class MemoryPort:
    """An endless source of equal packets and a sink, for benchmarks. `size`: octets of a packet."""

    kind: ClassVar[str] = "memory"
    name: str
    size: int = 64


PortSpec = KernelPort | VhostUserPort | MemifPort | PciPort | PcapPort | MemoryPort
Options = dict[str, str]


def parse(text: str) -> PortSpec:
    """The port that `text` means; ValueError says what is wrong with it."""
    kind, colon, rest = text.partition(":")
    if not colon:
        kind, rest = KernelPort.kind, text
    if kind not in _PARSERS:
        raise ValueError(f"{text!r}: no port kind {kind!r}; give an interface, or one of {', '.join(_PARSERS)}")
    try:
        first, options = _split(rest)
        spec = _PARSERS[kind](first, options)
        if options:
            raise ValueError(f"{kind} takes no {'='.join(options.popitem())!r}")
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    return spec


def resource(spec: PortSpec) -> str:
    """What only one port can hold, in words to compare: two ports with the same resource are the same port."""
    match spec:
        case VhostUserPort():
            return f"{spec.kind} {spec.path}"
        case MemifPort():
            return f"{spec.kind} {spec.path} {spec.id}"
        case PciPort():
            return f"{spec.kind} {spec.address}"
    return f"{spec.kind} {spec.name}"


def _split(rest: str) -> tuple[str, Options]:
    """`/path,name=vm0` as its first word (empty if it is an option already) and its options."""
    words = rest.split(",") if rest else []
    first = words.pop(0) if words and "=" not in words[0] else ""
    options: Options = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise ValueError(f"{word!r} is not an option of the form key=value; each port has its own --port")
        if key in options:
            raise ValueError(f"{key} is given twice")
        options[key] = value
    return first, options


def _interface_name(text: str) -> str:
    # The kernel's own rule (dev_valid_name).
    if not text or len(text.encode()) > NAME_OCTETS or text in (".", "..") or re.search(r"[/:\s]", text):
        raise ValueError(f"an interface's name has 1 to {NAME_OCTETS} octets, no '/', ':' or space; not {text!r}")
    return text


def _name(options: Options, otherwise: str) -> str:
    return _interface_name(options.pop("name", otherwise))


def _path(first: str) -> str:
    if not first.startswith("/"):
        raise ValueError("needs the absolute path of its socket after the colon")
    return first


def _choice(options: Options, key: str, words: Mapping[str, bool], default: bool) -> bool:
    if key not in options:
        return default
    value = options.pop(key)
    if value not in words:
        raise ValueError(f"{key} is {' or '.join(words)}, not {value!r}")
    return words[value]


def _number(options: Options, key: str, default: int, least: int, most: int) -> int:
    value = options.pop(key, str(default))
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise ValueError(f"{key} is a number from {least} to {most}, not {value!r}")
    return int(value)


def _stem(path: str) -> str:
    return PurePath(path).stem


_ROLES = {"server": True, "client": False}
_ANSWERS = {"yes": True, "no": False}


def _kernel(first: str, options: Options) -> PortSpec:
    return KernelPort(_interface_name(first), _choice(options, "untagged", _ANSWERS, default=False))


def _vhost_user(first: str, options: Options) -> PortSpec:
    path = _path(first)
    client = not _choice(options, "role", _ROLES, default=True)
    queues = _number(options, "queues", 0, 1, 64) if "queues" in options else 0
    return VhostUserPort(_name(options, _stem(path)), path, queues, client)


def _memif(first: str, options: Options) -> PortSpec:
    path = _path(first)
    number = _number(options, "id", 0, 0, 2**32 - 1)
    server = _choice(options, "role", _ROLES, default=False)
    return MemifPort(_name(options, f"{_stem(path)}{number or ''}"), path, number, server)


def _pci(first: str, options: Options) -> PortSpec:
    match = re.fullmatch(r"([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", first.lower())
    if match is None:
        raise ValueError("needs a PCI address like 0000:03:00.0 (`lspci -D` lists them)")
    domain, bus, slot, function = match.groups()
    prefix = "pci" if domain == "0000" else f"p{domain}"
    return PciPort(_name(options, f"{prefix}-{bus}-{slot}.{function}"), first.lower())


def _pcap(first: str, options: Options) -> PortSpec:
    if first:
        raise ValueError("takes in=FILE and out=FILE")
    receive, transmit = options.pop("in", None), options.pop("out", None)
    if receive is None and transmit is None:
        raise ValueError("needs in=FILE, out=FILE or both")
    return PcapPort(_name(options, _stem(receive or transmit or "")), receive, transmit)


def _memory(first: str, options: Options) -> PortSpec:
    return MemoryPort(_name(options, first or "memory"), _number(options, "size", 64, 60, 2048))


_PARSERS: Mapping[str, Callable[[str, Options], PortSpec]] = {
    "kernel": _kernel,
    "vhost-user": _vhost_user,
    "memif": _memif,
    "pci": _pci,
    "pcap": _pcap,
    "memory": _memory,
}
