"""Listens for browsers and Prometheus until told to stop."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import uvicorn

from bise.errors import BiseError
from bise.web.application import application
from bise.web.hub import Hub
from bise.web.metrics import registry

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_END_WITHIN_S = 2


class WrongAddress(BiseError):
    """`--listen` is no address and port."""

    exit_status = 2


class Listen(NamedTuple):
    """Where to listen: a numeric address, and a port; 0 is any."""

    address: str
    port: int

    @property
    def loopback(self) -> bool:
        return ip_address(self.address).is_loopback

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ip_address(self.address).version == 6 else socket.AF_INET

    def url(self) -> str:
        """As a browser is given it."""
        address = f"[{self.address}]" if self.family == socket.AF_INET6 else self.address
        return f"http://{address}:{self.port}/"


def parse(text: str) -> Listen:
    """127.0.0.1:8477, [::1]:8477. Raises WrongAddress."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        listen = Listen(str(ip_address("127.0.0.1" if host == "localhost" else host)), int(port))
    except ValueError:
        listen = Listen("", -1)
    if not 0 <= listen.port <= 65535:
        raise WrongAddress(f"--listen: {text!r} is no ADDRESS:PORT, like 127.0.0.1:8477 or [::1]:8477")
    return listen


def serve(listen: Listen, names: Sequence[str], ready: Callable[[Listen], None], cycles: bool = False) -> None:
    """Until SIGINT or SIGTERM; `ready` is told where. Raises BiseError where the address can't be had."""
    with bind(listen) as listener:
        site = Site(listen, names, cycles=cycles)
        ready(listen._replace(port=listener.getsockname()[1]))
        # uvicorn ends cleanly, then raises the signal again for whoever was there before.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            site.run(sockets=[listener])
        except KeyboardInterrupt:
            return


class Site(uvicorn.Server):
    """What is served at `listen`. Ends the live streams first, or it would wait for browsers to leave."""

    def __init__(
        self, listen: Listen, names: Sequence[str], directory: Path | None = None, *, cycles: bool = False
    ) -> None:
        self._hub = Hub(names, directory, cycles=cycles)
        hosts = {*_LOOPBACK, listen.address} if listen.loopback else set()
        config = uvicorn.Config(
            application(self._hub, registry(names, directory, cycles=cycles), hosts),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_END_WITHIN_S,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._hub.close()
        await super().shutdown(sockets)


def bind(listen: Listen) -> socket.socket:
    """A listening socket. Raises BiseError."""
    try:
        return socket.create_server((listen.address, listen.port), family=listen.family)
    except OSError as error:
        where = listen.url().removeprefix("http://").removesuffix("/")
        raise BiseError(
            f"can't listen on {where}: {os.strerror(error.errno or 0)}; choose another with --listen"
        ) from None
