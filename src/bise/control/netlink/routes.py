"""Routes from rtnetlink messages, fast enough for full tables.

A million routes differ in little but their prefix: what a message says besides is decoded once, and found again by its
octets. So routes through the same next hop share one `Route`, and one tuple that holds it.
"""

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from bise.control.netlink.kinds import FAMILIES
from bise.control.netlink.message import Attributes, NetlinkError, fixed
from bise.control.objects import Path, Prefix, Route, RouteKind

ROUTE = Struct("=BBBBBBBBI")
"""rtmsg: family, destination length, source length, TOS, table, protocol, scope, type, flags."""
_HOP = Struct("=HBBi")
"""rtnexthop: length, flags, weight less one, interface index."""
_CACHED = 0x200  # RTM_F_CLONED: what Linux learned on the way, not what anybody configured
_ONLINK = 0x4  # RTNH_F_ONLINK
_HIGHEST_CACHED = 65536
_ENDS = {RouteKind.BLACKHOLE, RouteKind.UNREACHABLE, RouteKind.PROHIBIT, RouteKind.THROW}  # IPv6 tells of `lo` there

_DESTINATION_AT = 20
"""Where Linux puts the destination in a route's body: after rtmsg (12 octets) and the table (8)."""
_DESTINATION_4 = Struct("=HH").pack(8, 1)
_DESTINATION_6 = Struct("=HH").pack(20, 1)
_TABLE = Struct("=HH").pack(8, 15)


class _RTA:
    DESTINATION, SOURCE, OIF, GATEWAY, PRIORITY, PREFERRED_SOURCE, METRICS, MULTIPATH = 1, 2, 4, 5, 6, 7, 8, 9
    FLOW, TABLE, VIA, PREFERENCE, ENCAP_TYPE, NEXT_HOP_ID = 11, 15, 18, 20, 21, 30
    METRIC_LOCK, METRIC_MTU = 1, 2


class RouteMessage(NamedTuple):
    """What one message says: the prefix, and the route as a tuple of one that all its like share."""

    prefix: Prefix
    routes: tuple[Route]


class _Like(NamedTuple):
    """What messages that differ in their destination alone have in common."""

    family: int
    table: int
    length: int
    routes: tuple[Route]


class RouteDecoder:
    """Decodes routes and remembers what it has seen, so that equal routes are one object."""

    def __init__(self) -> None:
        self._seen: dict[bytes, _Like | None] = {}
        self._routes: dict[Route, tuple[Route]] = {}
        self._forgot = False

    def seen(self) -> Iterable[Route] | None:
        """All different routes decoded until now; None if there were too many to remember."""
        return None if self._forgot else self._routes

    def decode(self, buffer: bytes, start: int, end: int) -> RouteMessage | None:
        """None for what isn't a route of the FIB: cached results, multicast routing. Raises NetlinkError."""
        at = start + _DESTINATION_AT
        head = buffer[at : at + 4]
        if head == _DESTINATION_4 and at + 8 <= end:
            destination = int.from_bytes(buffer[at + 4 : at + 8], "big")
            rest = buffer[start : at + 4] + buffer[at + 8 : end]
        elif head == _DESTINATION_6 and at + 20 <= end:
            destination = int.from_bytes(buffer[at + 4 : at + 20], "big")
            rest = buffer[start : at + 4] + buffer[at + 20 : end]
        elif head in (_DESTINATION_4, _DESTINATION_6):
            raise NetlinkError("a route's message ends within its destination")
        else:
            destination = 0
            rest = buffer[start:end]
        try:
            like = self._seen[rest]
        except KeyError:
            like = self._learn(rest, buffer, start, end)
        if like is None:
            return None
        family, table, length, routes = like
        return RouteMessage(Prefix(family, table, destination, length), routes)

    def _learn(self, rest: bytes, buffer: bytes, start: int, end: int) -> _Like | None:
        if len(self._seen) >= _HIGHEST_CACHED:
            self._seen.clear()
            self._routes.clear()
            self._forgot = True
        like = self._decode(buffer, start, end)
        self._seen[rest] = like
        return like

    def _decode(self, buffer: bytes, start: int, end: int) -> _Like | None:
        af, length, source_length, tos, table, protocol, scope, kind, flags = fixed(ROUTE, buffer, start, end)
        family = FAMILIES.get(af)
        if family is None or flags & _CACHED:
            return None
        values = Attributes(buffer, start + ROUTE.size, end)
        _check_destination(values, buffer[start + ROUTE.size : start + _DESTINATION_AT + 4], family, length)
        try:
            known = RouteKind(kind)
        except ValueError:
            raise NetlinkError(f"a route of the unknown kind {kind}") from None
        metrics = _metrics(values.nested(_RTA.METRICS))
        next_hop_id = values.number(_RTA.NEXT_HOP_ID)
        route = Route(
            kind=known,
            paths=() if next_hop_id or known in _ENDS else _paths(values, family, flags),
            metric=values.number(_RTA.PRIORITY),
            tos=tos,
            protocol=protocol,
            scope=scope,
            mtu=metrics.pop(_RTA.METRIC_MTU, 0),
            mtu_locked=bool(metrics.pop(_RTA.METRIC_LOCK, 0) & 1 << _RTA.METRIC_MTU),
            next_hop_id=next_hop_id,
            preferred_source=values.address(_RTA.PREFERRED_SOURCE, family) or 0,
            source=values.address(_RTA.SOURCE, family) or 0,
            source_length=source_length,
            preference=values.number(_RTA.PREFERENCE),
            metrics=tuple(sorted(metrics.items())),
            realm=values.number(_RTA.FLOW),
        )
        return _Like(family, values.number(_RTA.TABLE, table), length, self._routes.setdefault(route, (route,)))


def _check_destination(values: Attributes, head: bytes, family: int, length: int) -> None:
    """What `decode` found by its place must be what a reader of the attributes finds."""
    if length > (32 if family == 4 else 128):
        raise NetlinkError(f"an IPv{family} prefix of {length} bits")
    if _RTA.DESTINATION not in values:
        if length:
            raise NetlinkError("a route's message without its destination")
    elif head[:4] != _TABLE or head[8:] != (_DESTINATION_4 if family == 4 else _DESTINATION_6):
        raise NetlinkError("a route's message with its destination out of place")


def _metrics(values: Attributes) -> dict[int, int]:
    """By RTAX_* number. The congestion control's name is a number to Linux, too, and not told as one: left out."""
    return {kind: values.number(kind) for kind, octets in values.items() if len(octets) == 4}


def _paths(values: Attributes, family: int, flags: int) -> tuple[Path, ...]:
    several = values.octets(_RTA.MULTIPATH)
    if several is not None:
        return _several_paths(several, family)
    link = values.number(_RTA.OIF)
    if not link and _RTA.GATEWAY not in values and _RTA.VIA not in values:
        return ()
    return (_path(values, family, link, 1, flags),)


def _several_paths(octets: bytes, family: int) -> tuple[Path, ...]:
    paths = []
    offset = 0
    while offset < len(octets):
        if len(octets) - offset < _HOP.size:
            raise NetlinkError(f"{len(octets) - offset} octets after the last path of a route")
        length, flags, weight, link = _HOP.unpack_from(octets, offset)
        if length < _HOP.size or offset + length > len(octets):
            raise NetlinkError(f"a path of a route claims {length} octets of {len(octets) - offset}")
        values = Attributes(octets, offset + _HOP.size, offset + length)
        paths.append(_path(values, family, link, weight + 1, flags))
        offset += (length + 3) & ~3
    return tuple(paths)


def _path(values: Attributes, family: int, link: int, weight: int, flags: int) -> Path:
    via = values.address(_RTA.GATEWAY, family)
    via_family = family if via is not None else 0
    other = values.octets(_RTA.VIA)
    if other is not None:  # struct rtvia: a gateway of the other family
        via_family = FAMILIES.get(int.from_bytes(other[:2], "little"), 0)
        if len(other) != 2 + (4 if via_family == 4 else 16) or not via_family:
            raise NetlinkError(f"a gateway in {len(other)} octets")
        via = int.from_bytes(other[2:], "big")
    return Path(
        link=link,
        via=via,
        via_family=via_family,
        weight=weight,
        onlink=bool(flags & _ONLINK),
        encapsulation=values.number(_RTA.ENCAP_TYPE) or None,
    )
