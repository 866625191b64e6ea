"""What Linux has to be told or asked because packets no longer pass through it."""

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from bise.control.netlink.decode import NEIGHBOUR
from bise.control.netlink.kinds import AF_OF_FAMILY, Kind
from bise.control.netlink.message import NetlinkError, attribute
from bise.control.netlink.routes import ROUTE, RouteDecoder
from bise.control.netlink.sockets import RequestSocket
from bise.control.objects import NeighbourKey, Prefix, Route

_NDA_DST = 1
_NTF_USE = 0x01
_RTA_DST, _RTA_SRC, _RTA_IIF = 1, 2, 3
_FIB_MATCH = 0x2000  # RTM_F_FIB_MATCH
_TOGETHER = 256


class RouteAnswer(NamedTuple):
    """What Linux would do with a packet: the prefix that matches and its route, or `error`, its errno, and why."""

    prefix: Prefix | None
    route: Route | None
    error: int
    reason: str


def use_neighbours(socket: RequestSocket, keys: Iterable[NeighbourKey]) -> int:
    """Tell Linux that packets went to these neighbours (NTF_USE), so that it keeps and probes them.

    Only for neighbours that age: Linux would make a permanent one mortal. Returns how many Linux didn't know (any more)
    among those told until now; they need nothing done."""
    bodies = [_used(key) for key in keys]
    groups = (bodies[start : start + _TOGETHER] for start in range(0, len(bodies), _TOGETHER))
    return sum(socket.tell(Kind.NEW_NEIGHBOUR, 0, group) for group in groups)


def _used(key: NeighbourKey) -> bytes:
    body = NEIGHBOUR.pack(AF_OF_FAMILY[key.family], key.link, 0, _NTF_USE, 0)
    return body + attribute(_NDA_DST, _octets(key.family, key.address))


def ask_route(
    socket: RequestSocket, decoder: RouteDecoder, family: int, destination: int, source: int = 0, in_link: int = 0
) -> RouteAnswer:
    """Which route Linux takes (`ip route get fibmatch`): as for a packet received on `in_link`, or its own (0)."""
    bits = 32 if family == 4 else 128
    body = ROUTE.pack(AF_OF_FAMILY[family], bits, bits if source else 0, 0, 0, 0, 0, 0, _FIB_MATCH)
    body += attribute(_RTA_DST, _octets(family, destination))
    if source:
        body += attribute(_RTA_SRC, _octets(family, source))
    if in_link:
        body += attribute(_RTA_IIF, _INDEX.pack(in_link))
    try:
        buffer, message = socket.ask(Kind.GET_ROUTE, body)
    except NetlinkError as refused:
        if not refused.code:
            raise
        return RouteAnswer(None, None, refused.code, str(refused))
    told = decoder.decode(buffer, message.start, message.end)
    if told is None:
        raise NetlinkError("Linux answered with something else than a route")
    return RouteAnswer(told.prefix, told.routes[0], 0, "")


_INDEX = Struct("=I")


def _octets(family: int, address: int) -> bytes:
    return address.to_bytes(4 if family == 4 else 16, "big")
