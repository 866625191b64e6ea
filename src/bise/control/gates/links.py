"""The ports' own devices: a master that takes their packets, devices on top that do, XDP programs that aren't ours."""

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bise.control.gates.gate import BOTH, Detection, Gate, Where, crossing, entering
from bise.control.gates.netlink import ROUTE, Conversation, Message, attributes, elements, text
from bise.control.netlink.message import NetlinkError, attribute

_NEWLINK, _GETLINK = 16, 18
_HEADER = struct.Struct("=BxHiII")
_ADDRESS, _NAME, _LINK, _MASTER, _INFO, _EXT_MASK, _LINK_NETNS, _XDP = 1, 3, 5, 10, 18, 29, 37, 43
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND = 1, 2, 4
_XDP_ATTACHED, _XDP_PROGRAMS = 2, (4, 5, 6, 7)
_XDP_NAMES = {4: "", 5: "driver", 6: "generic", 7: "hardware"}
_MACVLAN_MODE, _PASSTHRU, _SOURCE = 1, 8, 16
_NO_STATISTICS = 8
# Devices that hang on a port but take nothing that is meant for its own forwarding: tagged packets, tunnels that end
# in a local address, the other end of a veth pair.
_HARMLESS = frozenset(
    {"vlan", "veth", "vxlan", "geneve", "gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan", "ipip", "sit",
     "ip6tnl", "vti", "vti6", "xfrm", "bareudp", "gtp", "amt", "wireguard", "dummy", "pppoe"}
)  # fmt: skip
_KNOWN_UPPERS = {"macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"}


@dataclass(frozen=True, slots=True, order=True)
class Upper:
    """A device on top of a port. `mode` is macvlan's, 0 for others."""

    name: str
    kind: str
    address: str
    mode: int = 0


@dataclass(frozen=True, slots=True)
class PortLink:
    """A port's device. `index` 0: there is none. `programs`: (mode, number) of its XDP programs."""

    name: str
    index: int
    kind: str = ""
    address: str = ""
    master: str = ""
    master_kind: str = ""
    programs: tuple[tuple[str, int], ...] = ()
    uppers: tuple[Upper, ...] = ()


def link_gates(link: PortLink, program: int = 0) -> Iterator[Gate]:
    """Gates of a port's device. `program`: the number of our steering program, 0 where it isn't attached."""
    name = link.name
    if not link.index:
        yield _gate("no-interface", name, crossing(name), "there is no such interface", f"ip link show {name}")
        return
    if link.master:
        why = f"a {link.master_kind or 'master'} takes this port's packets"
        yield _gate("enslaved", f"{name} in {link.master}", crossing(name), why, f"ip link show {name}")
    if link.kind == "netkit":
        why = "BPF programs decide what passes this device"
        yield _gate("netkit", name, crossing(name), why, f"bpftool net show dev {name}")
    for mode, number in link.programs:
        if number != program:
            subject = f"{name} {mode} program {number}".replace("  ", " ")
            why, show = "an XDP program that isn't ours sees packets first", f"bpftool net show dev {name}"
            yield _gate("foreign-xdp", subject, entering(name), why, show, Detection.POLLED)
    for upper in link.uppers:
        word = _upper_gate(upper, link)
        if word:
            why = f"{upper.name} ({upper.kind or 'a device'}) on top takes packets from this port"
            yield _gate(word, f"{name} under {upper.name}", crossing(name), why, f"ip -d link show {upper.name}")


def _upper_gate(upper: Upper, link: PortLink) -> str | None:
    """The gate's name. A macvlan takes packets by their MAC, unless it takes all of them or has the port's own."""
    if upper.kind in _HARMLESS:
        return None
    if upper.kind in ("macvlan", "macvtap"):
        taking = upper.mode in (_PASSTHRU, _SOURCE) or upper.address == link.address
        return "macvlan" if taking else None
    if upper.kind in ("ipvlan", "ipvtap"):
        return "ipvlan"
    return upper.kind if upper.kind in _KNOWN_UPPERS else "upper-device"


def _gate(name: str, subject: str, where: Where, why: str, show: str, how: Detection = Detection.ANNOUNCED) -> Gate:
    return Gate(name, subject, BOTH, where, how, f"{why} ({show})")


def port_link(message: Message, uppers: Iterable[Upper], names: Mapping[int, str]) -> PortLink:
    """A port's device from its RTM_NEWLINK. `names`: those of masters."""
    found = attributes(message.body, _HEADER.size)
    _, _, index, _, _ = _HEADER.unpack_from(message.body)
    info = attributes(found.get(_INFO, b""))
    master = _index(found.get(_MASTER))
    return PortLink(
        text(found[_NAME]),
        index,
        text(info.get(_INFO_KIND, b"")),
        found.get(_ADDRESS, b"").hex(":"),
        names.get(master, str(master)) if master else "",
        text(info.get(_INFO_SLAVE_KIND, b"")),
        xdp_programs(found.get(_XDP, b"")),
        tuple(sorted(uppers)),
    )


def xdp_programs(octets: bytes) -> tuple[tuple[str, int], ...]:
    """(mode, number) from IFLA_XDP: one of its own for each mode, or only the plain one."""
    found = {kind: value for kind, value in elements(octets) if kind in _XDP_PROGRAMS}
    numbers = {kind: struct.unpack_from("=I", value)[0] for kind, value in found.items()}
    modes = {kind: number for kind, number in numbers.items() if kind != _XDP_PROGRAMS[0]} or numbers
    return tuple((_XDP_NAMES[kind], number) for kind, number in sorted(modes.items()) if number)


def upper_of(message: Message) -> tuple[int, Upper] | None:
    """(index of the device below, this device) where one of this namespace lies below it."""
    found = attributes(message.body, _HEADER.size)
    below = _index(found.get(_LINK))
    _, _, index, _, _ = _HEADER.unpack_from(message.body)
    if not below or below == index or _LINK_NETNS in found:
        return None
    info = attributes(found.get(_INFO, b""))
    kind, mode = text(info.get(_INFO_KIND, b"")), 0
    if kind in ("macvlan", "macvtap"):
        mode = _index(attributes(info.get(_INFO_DATA, b"")).get(_MACVLAN_MODE))
    return below, Upper(text(found[_NAME]), kind, found.get(_ADDRESS, b"").hex(":"), mode)


def _index(octets: bytes | None) -> int:
    return int(struct.unpack_from("=I", octets)[0]) if octets and len(octets) >= 4 else 0


class Links:
    """The observer of the ports' devices and what stands on top of them."""

    def __init__(self) -> None:
        self._kernel = Conversation(ROUTE)
        self._uppers: dict[int, list[Upper]] = {}

    def close(self) -> None:
        self._kernel.close()

    def survey(self) -> None:
        """Look at all devices for what stands on top of what. Once at start, and when devices came or went."""
        self._uppers = {}
        body = _HEADER.pack(0, 0, 0, 0, 0) + attribute(_EXT_MASK, _NO_STATISTICS)
        for message in self._kernel.dump(_GETLINK, body):
            found = upper_of(message)
            if found:
                self._uppers.setdefault(found[0], []).append(found[1])

    def observe(self, ports: Iterable[str]) -> tuple[PortLink, ...]:
        return tuple(self._port(name) for name in ports)

    def _port(self, name: str) -> PortLink:
        body = _HEADER.pack(0, 0, 0, 0, 0) + attribute(_NAME, name.encode() + b"\0")
        body += attribute(_EXT_MASK, _NO_STATISTICS)
        try:
            message = self._kernel.ask(_GETLINK, body)
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return PortLink(name, 0)
            raise
        _, _, index, _, _ = _HEADER.unpack_from(message.body)
        master = _index(attributes(message.body, _HEADER.size).get(_MASTER))
        return port_link(message, self._uppers.get(index, ()), {master: _name(master)} if master else {})


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)
