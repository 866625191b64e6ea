"""Numbered datagrams from one host to another, one after the other, and which of them never came."""

import threading
import time
from contextlib import ExitStack
from socket import AF_INET, SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET, socket
from typing import Any, Self

from tests.product.router import Router, wait_until

_PAUSE_S = 0.001
_BUFFER = 4 << 20


class Stream:
    """From the host of port `source` to the one of `target`, about a thousand a second, while the block runs."""

    def __init__(self, router: Router, source: str, target: str, port: int) -> None:
        self._router, self._place = router, (router.port(target).host4, port)
        self._opened = ExitStack()
        with router.host(source).inside():
            self._sender = self._opened.enter_context(socket(AF_INET, SOCK_DGRAM))
        with router.host(target).inside():
            self._receiver = self._opened.enter_context(socket(AF_INET, SOCK_DGRAM))
        self._receiver.setsockopt(SOL_SOCKET, SO_RCVBUF, _BUFFER)
        self._receiver.bind(self._place)
        self._receiver.settimeout(0.1)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._send, self._receive)]
        self.sent = 0
        self.came: set[int] = set()

    def _send(self) -> None:
        while not self._ended.is_set():
            self._sender.sendto(self.sent.to_bytes(8, "big"), self._place)
            self.sent += 1
            time.sleep(_PAUSE_S)

    def _receive(self) -> None:
        while not self._ended.is_set() or len(self.came) < self.sent:
            try:
                self.came.add(int.from_bytes(self._receiver.recv(64), "big"))
            except TimeoutError:
                if self._ended.is_set():
                    return

    def further(self, count: int) -> None:
        """Until so many more have been sent."""
        limit = self.sent + count
        wait_until(f"{count} more are sent", lambda: self.sent >= limit)

    @property
    def lost(self) -> int:
        """Once the block has ended."""
        return self.sent - len(self.came)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._opened.close()
