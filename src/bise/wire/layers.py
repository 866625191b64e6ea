"""The headers of a packet for people to read, and what differs between two states of one. Never hot.

Nothing is trusted: a header is shown where its octets are, whatever they say; what isn't understood is left out.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from bise.hot import Header
from bise.wire import geneve, gre, vxlan
from bise.wire.arp import ARP
from bise.wire.ethernet import Ethernet, EtherType, mac_text
from bise.wire.geneve import Geneve
from bise.wire.gre import GRE
from bise.wire.icmp import ICMP
from bise.wire.icmpv6 import ICMPv6
from bise.wire.ipv4 import FRAGMENT_OFFSET, IPv4, Protocol
from bise.wire.ipv6 import Extension, Fragment, IPv6, address_text
from bise.wire.sctp import SCTP
from bise.wire.tcp import TCP
from bise.wire.udp import UDP
from bise.wire.vlan import Tag
from bise.wire.vxlan import VXLAN

_MOST_HEADERS = 16
_EXTENSIONS = (Protocol.HOP_BY_HOP, Protocol.ROUTING, Protocol.DESTINATION_OPTIONS)
_HEX = frozenset({"checksum", "flags", "flags_version", "version_class_flow", "ethertype"})


@dataclass
class Octets:
    """A packet as header classes see one, over a copy of its octets."""

    data: int
    length: int
    total: int
    memory: object


@dataclass(frozen=True)
class Layer:
    """A header of a packet: its protocol's name, where it begins, and the header itself."""

    name: str
    offset: int
    header: Header

    def __str__(self) -> str:
        text = str(self.header) if type(self.header).__str__ is not object.__str__ else ""
        return text if text.startswith(self.name) else f"{self.name} {text}".rstrip()


_Next = tuple[type[Header] | None, int]


def packet_of(octets: bytes) -> Octets:
    """What header classes are laid over."""
    memory = ctypes.create_string_buffer(octets, len(octets))
    return Octets(ctypes.addressof(memory), len(octets), len(octets), memory)


def layers(octets: bytes) -> list[Layer]:
    """The headers from Ethernet on, as far as they are whole and something says what they are."""
    packet = packet_of(octets)
    found: list[Layer] = []
    kind: type[Header] | None = Ethernet
    at = 0
    while kind is not None and at + kind.size <= len(octets) and len(found) < _MOST_HEADERS:
        header = kind(packet, at)
        header.memory = packet.memory
        found.append(Layer(kind.__name__.lower(), at, header))
        kind, at = _AFTER[kind](header, at) if kind in _AFTER else (None, at)
    return found


def changes(before: bytes, after: bytes) -> list[str]:
    """What of the headers differs: fields like "ipv4.ttl 64 → 63", or, where others stand there, what stands there."""
    old, new = layers(before), layers(after)
    if [layer.name for layer in old] != [layer.name for layer in new]:
        return [f"now {', '.join(map(str, new)) or 'nothing that is known'}"]
    texts = []
    for one, other in zip(old, new, strict=True):
        was, now = dict(_fields(one.header)), dict(_fields(other.header))
        texts += [f"{one.name}.{name} {was[name]} → {now[name]}" for name in was if was[name] != now[name]]
    return texts


def _fields(header: Header) -> Iterator[tuple[str, str]]:
    """Fields as people write them; the halves of an IPv6 address are one."""
    for name, field in header.fields.items():
        value = getattr(header, name)
        if name.endswith("_high"):
            yield name.removesuffix("_high"), address_text(value, getattr(header, name.replace("_high", "_low")))
        elif name.endswith("_low"):
            continue
        elif field.bits == 48:
            yield name, mac_text(value)
        elif isinstance(header, IPv4) and name in ("source", "destination"):
            yield name, str(IPv4Address(value))
        else:
            yield name, f"{value:#06x}" if name in _HEX else str(value)


def _by_ethertype(ethertype: int, at: int) -> _Next:
    return _ETHERTYPES.get(ethertype), at


def _by_protocol(protocol: int, at: int) -> _Next:
    return (Extension, at) if protocol in _EXTENSIONS else (_PROTOCOLS.get(protocol), at)


def _after_ipv4(ip: IPv4, at: int) -> _Next:
    if ip.fragment & FRAGMENT_OFFSET:
        return None, at
    return _by_protocol(ip.protocol, at + max(IPv4.size, (ip.version_ihl & 0x0F) * 4))


def _after_udp(udp: UDP, at: int) -> _Next:
    tunnels = {vxlan.PORT: VXLAN, vxlan.OLD_LINUX_PORT: VXLAN, geneve.PORT: Geneve}
    return tunnels.get(udp.destination_port), at + UDP.size


def _after_gre(header: GRE, at: int) -> _Next:
    options = sum(bool(header.flags_version & flag) for flag in (gre.CHECKSUM, gre.KEY, gre.SEQUENCE))
    return _by_ethertype(header.protocol, at + GRE.size + 4 * options)


def _after_fragment(fragment: Fragment, at: int) -> _Next:
    if fragment.offset_more >> 3:
        return None, at
    return _by_protocol(fragment.next_header, at + Fragment.size)


_ETHERTYPES: dict[int, type[Header]] = {
    EtherType.IPV4: IPv4,
    EtherType.IPV6: IPv6,
    EtherType.ARP: ARP,
    EtherType.VLAN: Tag,
    EtherType.SERVICE_VLAN: Tag,
    EtherType.ETHERNET: Ethernet,
}
_PROTOCOLS: dict[int, type[Header]] = {
    Protocol.ICMP: ICMP,
    Protocol.IPV4: IPv4,
    Protocol.TCP: TCP,
    Protocol.UDP: UDP,
    Protocol.IPV6: IPv6,
    Protocol.FRAGMENT: Fragment,
    Protocol.GRE: GRE,
    Protocol.ICMPV6: ICMPv6,
    Protocol.SCTP: SCTP,
}
_AFTER: dict[type[Header], Callable[..., _Next]] = {
    Ethernet: lambda header, at: _by_ethertype(header.ethertype, at + Ethernet.size),
    Tag: lambda header, at: _by_ethertype(header.ethertype, at + Tag.size),
    IPv4: _after_ipv4,
    IPv6: lambda header, at: _by_protocol(header.next_header, at + IPv6.size),
    Extension: lambda header, at: _by_protocol(header.next_header, at + 8 * (header.length + 1)),
    Fragment: _after_fragment,
    UDP: _after_udp,
    GRE: _after_gre,
    VXLAN: lambda header, at: (Ethernet, at + VXLAN.size),
    Geneve: lambda header, at: _by_ethertype(header.protocol, at + Geneve.size + 4 * (header.version_length & 0x3F)),
}
