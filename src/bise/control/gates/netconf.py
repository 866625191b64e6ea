"""Interfaces where routes without a carrier are passed over: the kernel announces this sysctl, of all interfaces.

It matters on interfaces that are no ports, too: a route through one of them is chosen or not by its carrier.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from bise.control.gates.netlink import ROUTE, Conversation
from bise.control.netlink.decode import SETTINGS, decode_settings
from bise.control.netlink.kinds import Group, Kind
from bise.control.objects import ALL_LINKS, DEFAULT_LINK, InterfaceSettings

GROUPS = (Group.IPV4_SETTINGS, Group.IPV6_SETTINGS)


@dataclass(frozen=True, slots=True)
class Linkdown:
    """Names of the interfaces with the sysctl set, by family; "all" among them."""

    ipv4: frozenset[str] = frozenset()
    ipv6: frozenset[str] = frozenset()


def ignoring(found: Iterable[InterfaceSettings], family: int) -> set[int]:
    """Indexes of the interfaces of a family that ignore routes without a carrier, ALL_LINKS for all of them."""
    return {
        settings.link
        for settings in found
        if settings.family == family and settings.ignore_routes_with_linkdown and settings.link != DEFAULT_LINK
    }


class Netconf:
    """The observer."""

    def __init__(self) -> None:
        self._kernel = Conversation(ROUTE)

    def close(self) -> None:
        self._kernel.close()

    def observe(self) -> Linkdown:
        dumped = [
            m for af in (socket.AF_INET, socket.AF_INET6) for m in self._kernel.dump(Kind.GET_SETTINGS, _head(af))
        ]
        decoded = [decode_settings(message.body, 0, len(message.body)) for message in dumped]
        found = [settings for settings in decoded if settings]
        ipv4, ipv6 = (frozenset(map(_name, ignoring(found, family))) for family in (4, 6))
        return Linkdown(ipv4, ipv6)


def _head(family: int) -> bytes:
    return bytes([family]).ljust(SETTINGS.size, b"\0")


def _name(index: int) -> str:
    try:
        return "all" if index == ALL_LINKS else socket.if_indextoname(index)
    except OSError:
        return str(index)
