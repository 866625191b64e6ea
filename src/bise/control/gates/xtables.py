"""Legacy iptables and IPVS: kept in files and sockets of their own, changed silently, looked at every 50 ms.

A legacy table is in the kernel once somebody touched it, `iptables-legacy -L` included. Without rules and with policy
ACCEPT it does nothing. Its summary (IPT_SO_GET_INFO) says which built-in chains have rules; the policies, and rules
that turn on connection tracking, are in its entries.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, Detection, Gate
from bise.control.gates.netfilter import tracking_gate
from bise.control.gates.nftables import HOOKS, XTABLES_TRACKING

_GET_INFO, _GET_ENTRIES = 64, 65
_INFO = struct.Struct("=32sI5I5III")
_DROP = -1
_ENTRIES_AT = 40
_READ_WHOLE = 1 << 15
# by family: socket family and level, file of table names, an entry's size up to its matches
_LAYOUT = {4: (socket.AF_INET, 0, "ip_tables_names", 112), 6: (socket.AF_INET6, 41, "ip6_tables_names", 168)}
_COMMAND = {4: "iptables-legacy", 6: "ip6tables-legacy"}
_TRACKING = [word + b"\0" for word in (*XTABLES_TRACKING.split(b"|"), b"socket")]
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, order=True)
class LegacyTable:
    """A table of one family: the hooks where it has rules, those it drops at by policy, and what tracks connections.

    The latter two are looked for only where no forwarded packet meets a rule; `unread`: too long for that, every time.
    """

    family: int
    name: str
    ruled: tuple[int, ...]
    dropping: tuple[int, ...]
    tracking: tuple[str, ...] = ()
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Legacy:
    tables: tuple[LegacyTable, ...] = ()
    virtual_services: bool = False


def legacy_gates(legacy: Legacy) -> Iterator[Gate]:
    """Gates of legacy tables and of IPVS, whose replies are rewritten on their way through FORWARD."""
    for table in legacy.tables:
        yield from _table_gates(table)
    if legacy.virtual_services:
        reason = "load-balanced connections are rewritten on their way through (ipvsadm -Ln)"
        yield Gate("ipvs", "virtual services", BOTH, EVERYWHERE, Detection.POLLED, reason)


def _table_gates(table: LegacyTable) -> Iterator[Gate]:
    families = IPV4 if table.family == 4 else IPV6
    show = f"{_COMMAND[table.family]} -t {table.name} -S"
    for hook, place in HOOKS.items():
        subject = f"{_COMMAND[table.family]} {table.name} {place.upper()}"
        if hook in table.ruled or hook in table.dropping:
            does = "has rules" if hook in table.ruled else "drops by policy"
            reason = f"this chain meets forwarded packets and {does} ({show})"
            yield Gate(f"netfilter-{place}", subject, families, EVERYWHERE, Detection.POLLED, reason)
    subject = f"{_COMMAND[table.family]} {table.name}"
    for word in table.tracking:
        yield tracking_gate(word, subject, families, show, Detection.POLLED)
    if table.unread:
        reason = f"too many rules to see every 50 ms whether they track connections ({show})"
        yield Gate("conntrack", subject, families, EVERYWHERE, Detection.POLLED, reason)


def read_info(octets: bytes) -> tuple[dict[int, int], dict[int, int], int]:
    """Offsets of each hook's first rule and of its policy, and the entries' size, from a struct ipt_getinfo."""
    fields = _INFO.unpack_from(octets)
    valid, first, policy, size = fields[1], fields[2:7], fields[7:12], fields[13]
    hooks = [hook for hook in range(5) if valid >> hook & 1]
    return {hook: first[hook] for hook in hooks}, {hook: policy[hook] for hook in hooks}, size


def policy_drops(entries: bytes, offset: int, entry_size: int) -> bool:
    """Whether the policy at this offset is DROP: its standard target holds the verdict behind 32 octets."""
    at = offset + entry_size + 32
    return len(entries) < at + 4 or struct.unpack_from("=i", entries, at)[0] == _DROP


def table_from(family: int, name: str, info: bytes, entries: bytes | None) -> LegacyTable:
    """A table from its summary and its entries; None for those where they are too many to read every time."""
    _, policy, _ = read_info(info)
    ruled = ruled_hooks(info)
    if not HOOKS.keys().isdisjoint(ruled):
        return LegacyTable(family, name, ruled, ())
    if entries is None:
        return LegacyTable(family, name, ruled, (), unread=True)
    size = _LAYOUT[family][3]
    dropping = tuple(hook for hook in policy if policy_drops(entries, policy[hook], size))
    tracking = [word[:-1].decode() for word in _TRACKING if b"\0" + word in entries] if ruled else []
    return LegacyTable(family, name, ruled, dropping, tuple(tracking))


def ruled_hooks(info: bytes) -> tuple[int, ...]:
    """The hooks whose built-in chains have rules: those that don't begin with their policy."""
    first, policy, _ = read_info(info)
    return tuple(hook for hook in first if first[hook] != policy[hook])


def has_virtual_services(table: str) -> bool:
    """Whether /proc/net/ip_vs lists any service behind its three lines of head."""
    return len(table.splitlines()) > 3


class Xtables:
    """The observer of the calling thread's namespace."""

    def __init__(self) -> None:
        self._names = {family: _open(layout[2]) for family, layout in _LAYOUT.items()}
        self._sockets: dict[int, socket.socket] = {}

    def close(self) -> None:
        for descriptor in self._names.values():
            if descriptor is not None:
                os.close(descriptor)
        for raw in self._sockets.values():
            raw.close()

    def observe(self) -> Legacy:
        """Both families' tables. Raises OSError where they can't be read."""
        tables = [table for family in _LAYOUT for table in self._tables(family)]
        return Legacy(tuple(tables), _virtual_services())

    def _tables(self, family: int) -> Iterator[LegacyTable]:
        descriptor = self._names[family]
        if descriptor is None:
            # the module may be loaded later
            descriptor = self._names[family] = _open(_LAYOUT[family][2])
        names = os.pread(descriptor, 4096, 0) if descriptor is not None else b""
        for name in sorted(names.split()):
            info = self._option(family, _GET_INFO, name.ljust(32, b"\0") + bytes(_INFO.size - 32))
            size = read_info(info)[2]
            entries = None
            if size <= _READ_WHOLE and HOOKS.keys().isdisjoint(ruled_hooks(info)):
                request = name.ljust(32, b"\0") + struct.pack("=II", size, 0) + bytes(size)
                entries = self._option(family, _GET_ENTRIES, request)[_ENTRIES_AT:]
            yield table_from(family, name.decode(), info, entries)

    def _option(self, family: int, option: int, request: bytes) -> bytes:
        """getsockopt with the request in its buffer, as the standard library can't."""
        kind, level, _, _ = _LAYOUT[family]
        raw = self._sockets.get(family)
        if raw is None:
            raw = self._sockets[family] = socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)
        space = ctypes.create_string_buffer(request, len(request))
        length = ctypes.c_uint32(len(request))
        if _libc.getsockopt(raw.fileno(), level, option, space, ctypes.byref(length)) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return space.raw[: length.value]


def _open(name: str) -> int | None:
    try:
        return os.open(f"/proc/thread-self/net/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _virtual_services() -> bool:
    try:
        with open("/proc/thread-self/net/ip_vs") as file:
            return has_virtual_services(file.read(4096))
    except FileNotFoundError:
        return False
