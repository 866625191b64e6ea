"""Writes routes to Linux as routing daemons do: netlink messages that are made beforehand, many to a call.

`ip -batch` takes three times as long for a change: it reads a line, asks for an answer and waits for it.
"""

import socket
from collections.abc import Sequence
from typing import Any, Self

from bise.bench.namespaces import Namespace
from bise.control.netlink.kinds import AF_INET, Kind
from bise.control.netlink.message import attribute
from bise.control.netlink.routes import ROUTE
from bise.control.netlink.sockets import RequestSocket
from bise.control.objects import TABLE_MAIN, RouteKind
from bise.errors import BiseError

_DESTINATION, _GATEWAY = 1, 5  # linux/rtnetlink.h, RTA_*
_BOOT = 3  # RTPROT_BOOT: what `ip` says it is
_REPLACE, _CREATE = 0x100, 0x400  # linux/netlink.h, NLM_F_*
_LOT = 64


class Refused(BiseError):
    """Linux didn't take all routes."""


def body(network: str, gateway: str) -> bytes:
    """What a message says of the IPv4 route to `network` (10.0.0.0/8) by way of `gateway`."""
    address, length = network.split("/")
    fixed = ROUTE.pack(AF_INET, int(length), 0, 0, TABLE_MAIN, _BOOT, 0, RouteKind.UNICAST, 0)
    return fixed + attribute(_DESTINATION, socket.inet_aton(address)) + attribute(_GATEWAY, socket.inet_aton(gateway))


class RouteWriter:
    """Writes messages with such bodies to the main table of a namespace, while the block runs. Raises Refused."""

    def __init__(self, namespace: Namespace) -> None:
        with namespace.inside():
            self._socket = RequestSocket()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: Any) -> None:
        self._socket.close()

    def put(self, bodies: Sequence[bytes]) -> None:
        """Routes that are new, or take the place of others to their prefix."""
        self._write(Kind.NEW_ROUTE, _CREATE | _REPLACE, bodies)

    def delete(self, bodies: Sequence[bytes]) -> None:
        """Routes that are there."""
        self._write(Kind.DELETE_ROUTE, 0, bodies)

    def _write(self, kind: Kind, flags: int, bodies: Sequence[bytes]) -> None:
        lots = (bodies[start : start + _LOT] for start in range(0, len(bodies), _LOT))
        refused = sum(self._socket.tell(kind, flags, lot) for lot in lots)
        if refused:
            raise Refused(f"Linux refused {refused} of {len(bodies)} routes")
