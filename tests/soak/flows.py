"""Traffic that never stops: numbered datagrams between hosts, in both families, over several queues."""

import select
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Self

from tests.namespaces import Topology

_PORT = 7000
_PAUSE_S = 0.002
_BUFFER = 4 << 20
_MARK = struct.Struct("!IQ")  # flow, number
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass
class Flow:
    """Datagrams of one host to another. `sent` and `came` count; `longest_gap_s` is between two that came."""

    source: str
    target: str
    family: int
    sent: int = 0
    came: int = 0
    last: int = -1
    last_at: float = 0.0
    longest_gap_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.source} to {self.target} by IPv{self.family}"

    def arrive(self, number: int, now: float) -> None:
        if self.last_at:
            self.longest_gap_s = max(self.longest_gap_s, now - self.last_at)
        self.came += 1
        self.last, self.last_at = max(self.last, number), now


class Flows:
    """Between each two ports of a topology, while the block runs; `paused` lets the router come to rest."""

    def __init__(self, topology: Topology, each_way: int = 2) -> None:
        names = [port.name for port in topology.ports]
        self._topology = topology
        self.flows = [
            Flow(source, target, family)
            for source in names
            for target in names
            for family in _FAMILIES
            for _ in range(each_way)
            if source != target
        ]
        self._ended, self._running = threading.Event(), threading.Event()
        self._turn = threading.Lock()
        self._opened = ExitStack()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]

    def __enter__(self) -> Self:
        self._senders = [self._socket(flow.source, flow.family) for flow in self.flows]
        self._places = [(self._address(flow.target, flow.family), _PORT) for flow in self.flows]
        self._receivers = []
        for port in self._topology.ports:
            for family in _FAMILIES:
                opened = self._socket(port.name, family)
                opened.bind((self._address(port.name, family), _PORT))
                self._receivers.append(opened)
        self._running.set()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._ended.set()
        self._running.set()
        for thread in self._threads:
            thread.join()
        self._opened.close()

    def _address(self, name: str, family: int) -> str:
        port = next(port for port in self._topology.ports if port.name == name)
        return port.host4 if family == 4 else port.host6

    def _socket(self, name: str, family: int) -> socket.socket:
        with self._topology.hosts[name].inside():
            opened = self._opened.enter_context(socket.socket(_FAMILIES[family], socket.SOCK_DGRAM))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        opened.setblocking(False)
        return opened

    def _send(self) -> None:
        while not self._ended.is_set():
            self._running.wait()
            with self._turn:
                for number, (flow, sender, place) in enumerate(
                    zip(self.flows, self._senders, self._places, strict=True)
                ):
                    with suppress(OSError):  # a host without a way out while a link is down
                        sender.sendto(_MARK.pack(number, flow.sent), place)
                    flow.sent += 1
            time.sleep(_PAUSE_S)

    def _receive(self) -> None:
        while not self._ended.is_set():
            for ready in select.select(self._receivers, [], [], 0.1)[0]:
                now = time.monotonic()
                with suppress(BlockingIOError, ConnectionError):
                    while True:
                        self._arrived(ready.recv(2048), now)

    def _arrived(self, octets: bytes, now: float) -> None:
        if len(octets) == _MARK.size:
            number, count = _MARK.unpack(octets)
            self.flows[number].arrive(count, now)

    def pause(self) -> None:
        """Nothing is sent from here on."""
        self._running.clear()
        with self._turn:
            pass

    def resume(self) -> None:
        now = time.monotonic()
        for flow in self.flows:
            flow.last_at = now  # a pause is no gap
        self._running.set()

    def lost(self) -> int:
        """Of all that has been sent so far, once it has come to rest."""
        return sum(flow.sent - flow.came for flow in self.flows)

    def sent(self) -> int:
        """All that has been sent so far."""
        return sum(flow.sent for flow in self.flows)

    def silent(self, patience_s: float) -> list[Flow]:
        """Flows of which nothing that is sent from now on comes within that time."""
        limit = time.monotonic() + patience_s
        numbers = [flow.sent for flow in self.flows]
        while True:
            waiting = [flow for flow, number in zip(self.flows, numbers, strict=True) if flow.last < number]
            if not waiting or time.monotonic() > limit:
                return waiting
            time.sleep(0.02)
