"""What Linux would do with a packet of a flow, received on a link (`ip route get … iif … ipproto … sport … dport …`).

Asked twice: which prefix matches, and which way is taken of it.
"""

import os
from dataclasses import dataclass
from struct import Struct

from bise.control.netlink.kinds import AF_OF_FAMILY, FAMILIES, Kind
from bise.control.netlink.message import Attributes, NetlinkError, attribute, fixed
from bise.control.netlink.routes import ROUTE, RouteDecoder
from bise.control.netlink.sockets import RequestSocket
from bise.control.objects import Path, Prefix, RouteKind

_DESTINATION, _SOURCE, _IN_LINK, _LINK, _GATEWAY, _VIA = 1, 2, 3, 4, 5, 18  # linux/rtnetlink.h, RTA_*
_PROTOCOL, _SOURCE_PORT, _DESTINATION_PORT = 27, 28, 29
_FIB_MATCH = 0x2000  # RTM_F_FIB_MATCH
_PORTED = frozenset({6, 17})
_INDEX, _PORT = Struct("=I"), Struct("!H")
NOWHERE = Path(0)


@dataclass(frozen=True, slots=True)
class Flow:
    """What tells packets apart to routes. `in_link`: where they were received."""

    family: int
    source: int
    destination: int
    in_link: int
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """Linux's answer: `error` is its errno, 0 where it would take `path` (its link 0 where packets end). `paths`: all
    of the route that matches."""

    error: int
    kind: RouteKind = RouteKind.UNICAST
    prefix: Prefix | None = None
    path: Path = NOWHERE
    paths: tuple[Path, ...] = ()

    @property
    def words(self) -> str:
        """The error as Linux's C library says it."""
        return os.strerror(self.error) if self.error else ""


def ask_way(flow: Flow) -> Way:
    """Linux's answer, in the namespace of this thread. Raises NetlinkError where there is none."""
    socket = RequestSocket()
    try:
        return _ask(socket, flow)
    finally:
        socket.close()


def _ask(socket: RequestSocket, flow: Flow) -> Way:
    try:
        buffer, message = socket.ask(Kind.GET_ROUTE, _request(flow, 0))
    except NetlinkError as refused:
        if not refused.code:
            raise
        return Way(refused.code)
    _, _, _, _, _, _, _, kind, _ = fixed(ROUTE, buffer, message.start, message.end)
    values = Attributes(buffer, message.start + ROUTE.size, message.end)
    prefix, paths = _match(socket, flow)
    return Way(0, RouteKind(kind), prefix, _path(values, flow.family), paths)


def _match(socket: RequestSocket, flow: Flow) -> tuple[Prefix | None, tuple[Path, ...]]:
    try:
        buffer, message = socket.ask(Kind.GET_ROUTE, _request(flow, _FIB_MATCH))
    except NetlinkError as refused:
        if not refused.code:
            raise
        return None, ()
    told = RouteDecoder().decode(buffer, message.start, message.end)
    return (None, ()) if told is None else (told.prefix, told.routes[0].paths)


def _request(flow: Flow, flags: int) -> bytes:
    bits = 32 if flow.family == 4 else 128
    body = ROUTE.pack(AF_OF_FAMILY[flow.family], bits, bits, 0, 0, 0, 0, 0, flags)
    body += attribute(_DESTINATION, flow.destination.to_bytes(bits // 8, "big"))
    body += attribute(_SOURCE, flow.source.to_bytes(bits // 8, "big"))
    body += attribute(_IN_LINK, _INDEX.pack(flow.in_link))
    if flow.protocol in _PORTED:
        body += attribute(_PROTOCOL, bytes([flow.protocol]))
        body += attribute(_SOURCE_PORT, _PORT.pack(flow.source_port))
        body += attribute(_DESTINATION_PORT, _PORT.pack(flow.destination_port))
    return body


def _path(values: Attributes, family: int) -> Path:
    via, via_family = values.address(_GATEWAY, family), family
    other = values.octets(_VIA)
    if other is not None:  # struct rtvia: a gateway of the other family
        via_family, via = FAMILIES.get(int.from_bytes(other[:2], "little"), 0), int.from_bytes(other[2:], "big")
    return Path(values.number(_LINK), via, 0 if via is None else via_family)
