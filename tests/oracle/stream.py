"""Traffic that runs while something changes: numbered packets at a steady pace, each with the time it was sent."""

import threading
import time
from collections.abc import Set
from typing import Any, Self

from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.oracle.network import Network
from tests.oracle.pair import octets
from tests.oracle.peer import wait_any

_MAGIC = b"bise stream "
_ALL_ONES = (1 << 64) - 1
_PAUSE_S = 0.001
_QUIET_S = 0.03


class Stream:
    """Sends a numbered copy of `packet` into `port` every millisecond while the block runs.

    `packet` ends where its payload begins; its checksum stays right, since a number is followed by its complement.
    """

    def __init__(self, network: Network, port: str, packet: Packet) -> None:
        self._network = network
        self._peers = network.peers
        self._port = port
        payload = _MAGIC + bytes(8) + b"\xff" * 8
        self._front = octets(network.topology.ports[0], packet / payload)[: -len(payload)]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.sent_at: list[float] = []
        self._arrived: dict[int, str] = {}

    def __enter__(self) -> Self:
        self._network.forget()
        self._thread.start()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._ended.set()
        self._thread.join()
        while wait_any(self._peers.values(), time.monotonic() + _QUIET_S):
            self.arrived()

    def _send(self) -> None:
        sending = self._peers[self._port]
        while not self._ended.is_set():
            number = len(self.sent_at)
            self.sent_at.append(time.monotonic())
            mark = number.to_bytes(8, "big") + (number ^ _ALL_ONES).to_bytes(8, "big")
            sending.send([self._front + _MAGIC + mark])
            time.sleep(_PAUSE_S)

    def arrived(self) -> Set[int]:
        """The numbers of the packets that a port has sent on so far (errors that quote them don't count)."""
        for peer in self._peers.values():
            for packet in peer.receive():
                place = packet.find(_MAGIC)
                if place == len(self._front):
                    number = int.from_bytes(packet[place + len(_MAGIC) :][:8], "big")
                    self._arrived[number] = packet[:6].hex(":")
        return self._arrived.keys()

    def addressed_since(self, moment: float) -> set[str]:
        """The MACs that packets sent after `moment` went to."""
        return {mac for number, mac in self._arrived.items() if self.sent_at[number] > moment}

    def pass_time(self, seconds: float) -> float:
        """Let traffic run for `seconds`; returns the time then."""
        time.sleep(seconds)
        return time.monotonic()

    def wait_until_flowing(self, since: float, patience_s: float = 3.0) -> None:
        """Wait until a packet that was sent after `since` has arrived."""
        while time.monotonic() < since + patience_s:
            if any(self.sent_at[number] > since for number in self.arrived()):
                return
            time.sleep(_PAUSE_S)
        raise AssertionError(f"nothing flows {patience_s} s after it should: {Ether(self._front).summary()}")

    def sent_between(self, start: float, end: float) -> set[int]:
        return {number for number, moment in enumerate(self.sent_at) if start <= moment < end}
