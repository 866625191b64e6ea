"""Traffic control on the ports: queueing disciplines that someone set, filters, and tcx programs.

A discipline that the kernel chose by itself has handle 0: and is no gate: what leaves by AF_XDP passes it by, as it
would with any driver's own queue. An ingress or clsact discipline without filters does nothing. tcx programs show up
in no dump of tc and are announced by nothing; bpf(2) is asked for them.
"""

import errno
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bise.control.gates import bpf
from bise.control.gates.gate import BOTH, IPV4, IPV6, Detection, Gate, entering, leaving
from bise.control.gates.netlink import ROUTE, Conversation, Message, attributes, text
from bise.control.netlink.message import NetlinkError

GROUP_TC = 4
_NEWQDISC, _GETQDISC, _NEWTFILTER, _GETTFILTER = 36, 38, 44, 46
_HEADER = struct.Struct("=BxxxiIII")
_KIND = 1
_INGRESS_HANDLE = 0xFFFF
_INGRESS, _EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
# by protocol, in network order as tc has it: IPv4, IPv6; ARP and tagged packets are the kernel's anyway
_FAMILIES = {0x0800: IPV4, 0x86DD: IPV6, 0x0806: frozenset[int](), 0x8100: frozenset[int](), 0x88A8: frozenset[int]()}


@dataclass(frozen=True, slots=True, order=True)
class Qdisc:
    """A discipline of a port. `handle` is its major number, 0 for the kernel's own choice."""

    interface: int
    kind: str
    handle: int


@dataclass(frozen=True, slots=True, order=True)
class Filter:
    """A filter of a port at ingress or egress, for one EtherType (3: all)."""

    interface: int
    egress: bool
    kind: str
    protocol: int


@dataclass(frozen=True, slots=True, order=True)
class Tcx:
    """Programs, by number, of a port's tcx hook."""

    interface: int
    egress: bool
    programs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    qdiscs: tuple[Qdisc, ...] = ()
    filters: tuple[Filter, ...] = ()


def traffic_gates(traffic: Traffic, ports: dict[int, str]) -> Iterator[Gate]:
    """Gates of disciplines and filters. `ports`: names by interface index."""
    for qdisc in traffic.qdiscs:
        name = ports.get(qdisc.interface)
        if name and qdisc.handle and qdisc.handle != _INGRESS_HANDLE:
            subject = f"{name} {qdisc.kind} {qdisc.handle:x}:"
            reason = f"someone shapes or drops what leaves here (tc qdisc show dev {name})"
            yield Gate("qdisc", subject, BOTH, leaving(name), Detection.ANNOUNCED, reason)
    for filter_ in traffic.filters:
        name, families = ports.get(filter_.interface), _FAMILIES.get(filter_.protocol, BOTH)
        if name and families:
            side = "egress" if filter_.egress else "ingress"
            reason = f"it may drop, change or redirect packets (tc filter show dev {name} {side})"
            where = leaving(name) if filter_.egress else entering(name)
            yield Gate("tc-filter", f"{name} {side} {filter_.kind}", families, where, Detection.ANNOUNCED, reason)


def tcx_gates(hooks: Iterable[Tcx], ports: dict[int, str]) -> Iterator[Gate]:
    """Gates of tcx programs."""
    for hook in hooks:
        name = ports.get(hook.interface)
        if name and hook.programs:
            side = "egress" if hook.egress else "ingress"
            numbers = ", ".join(map(str, hook.programs))
            where = leaving(name) if hook.egress else entering(name)
            reason = f"a BPF program may drop, change or redirect packets (bpftool net show dev {name})"
            yield Gate("tcx", f"{name} {side} program {numbers}", BOTH, where, Detection.POLLED, reason)


def qdiscs_from(messages: Iterable[Message], interfaces: Iterable[int]) -> tuple[Qdisc, ...]:
    """The disciplines of these interfaces."""
    wanted, found = set(interfaces), set()
    for message in messages:
        _, interface, handle, _, _ = _HEADER.unpack_from(message.body)
        if message.type == _NEWQDISC and interface in wanted:
            kind = text(attributes(message.body, _HEADER.size).get(_KIND, b""))
            found.add(Qdisc(interface, kind, handle >> 16))
    return tuple(sorted(found))


def filters_from(messages: Iterable[Message], interface: int, egress: bool) -> set[Filter]:
    """The filters that a dump of one side of an interface names. Those of a shared block come without interface."""
    found = set()
    for message in messages:
        if message.type == _NEWTFILTER:
            *_, said = _HEADER.unpack_from(message.body)
            kind = text(attributes(message.body, _HEADER.size).get(_KIND, b""))
            protocol = int.from_bytes((said & 0xFFFF).to_bytes(2, sys.byteorder), "big")
            found.add(Filter(interface, egress, kind, protocol))
    return found


class TrafficControl:
    """The observer of disciplines and filters."""

    def __init__(self) -> None:
        self._kernel = Conversation(ROUTE)

    def close(self) -> None:
        self._kernel.close()

    def observe(self, interfaces: Iterable[int]) -> Traffic:
        qdiscs = qdiscs_from(self._kernel.dump(_GETQDISC, _HEADER.pack(0, 0, 0, 0, 0)), interfaces)
        filters: set[Filter] = set()
        for qdisc in qdiscs:
            if qdisc.handle == _INGRESS_HANDLE:
                for side in (_INGRESS, _EGRESS) if qdisc.kind == "clsact" else (_INGRESS,):
                    found = self._filters(qdisc.interface, side)
                    filters |= filters_from(found, qdisc.interface, side == _EGRESS)
        return Traffic(qdiscs, tuple(sorted(filters)))

    def _filters(self, interface: int, parent: int) -> list[Message]:
        try:
            return self._kernel.dump(_GETTFILTER, _HEADER.pack(0, interface, 0, parent, 0))
        except NetlinkError as error:
            # interface or discipline went in between: an announcement will have us look again
            if error.code in (errno.ENODEV, errno.EINVAL, errno.ENOENT):
                return []
            raise


def tcx_of(interfaces: Iterable[int]) -> tuple[Tcx, ...]:
    """What the tcx hooks of these interfaces run; hooks that run nothing are left out."""
    sides = ((False, bpf.TCX_INGRESS), (True, bpf.TCX_EGRESS))
    found = [Tcx(n, egress, bpf.attached(n, hook)) for n in interfaces for egress, hook in sides]
    return tuple(tcx for tcx in found if tcx.programs)
