"""Two routers with one configuration, of which the kernel forwards for one: do they do the same?"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.l2 import Ether
from scapy.packet import Packet

from bise.bench.running import RunningBise
from tests.namespaces import Port
from tests.oracle.compare import differences, provoked, shown
from tests.oracle.network import Network, Outputs, Sent

_CULPRITS_SHOWN = 3


class Differs(AssertionError):
    """The two routers did not do the same."""


def octets(port: Port, packet: bytes | Packet) -> bytes:
    """The packet as the host at `port` sends it to the router."""
    if isinstance(packet, bytes):
        return packet
    if packet.haslayer(Ether) and packet.getlayer(Ether) is packet:
        return bytes(packet)
    return bytes(Ether(src=port.host_mac, dst=port.router_mac) / packet)


def undone(line: str) -> str:
    """The line of `ip` that undoes one that adds."""
    words = line.replace(" add ", " del ", 1).split()
    return " ".join(words[:4] if words[0] == "nexthop" else words)


@dataclass
class Pair:
    """`kernel` is the router that argues, `other` the one in question, which follows a change within `settle_s`."""

    kernel: Network
    other: Network
    settle_s: float = 0.0
    bise: RunningBise | None = None

    @property
    def networks(self) -> tuple[Network, Network]:
        return self.kernel, self.other

    def port(self, name: str) -> Port:
        return next(port for port in self.kernel.topology.ports if port.name == name)

    def agree(self, port: str, packets: Iterable[bytes | Packet], *, sentinels: bool = True) -> Outputs:
        """Send `packets` into `port` of both, and return what came out of both alike; else Differs.

        A packet is octets, or a scapy packet; one that begins with its network header gets the host's Ethernet header.
        """
        return self.agree_on([(port, octets(self.port(port), packet)) for packet in packets], sentinels=sentinels)

    def agree_on(self, sends: Sequence[Sent], *, sentinels: bool = True) -> Outputs:
        """The same for packets into several ports, in this order."""
        expected, found = self._exchange(sends, sentinels)
        different = differences(expected, found)
        if different:
            raise Differs("\n".join(self._report(sends, sentinels, different)))
        return {port: provoked(expected.get(port, ())) for port in self.kernel.peers}

    def _exchange(self, sends: Sequence[Sent], sentinels: bool) -> tuple[Outputs, Outputs]:
        return (
            self.kernel.exchange(sends, sentinels=sentinels),
            self.other.exchange(sends, sentinels=sentinels),
        )

    def _report(self, sends: Sequence[Sent], sentinels: bool, different: list[str]) -> Iterator[str]:
        """Send each packet alone, so as to name those that are to blame."""
        culprits = 0
        for port, packet in sends:
            alone = differences(*self._exchange([(port, packet)], sentinels))
            if alone:
                yield f"into {port}: {shown(packet)}"
                yield from alone
                culprits += 1
            if culprits == _CULPRITS_SHOWN:
                return
        if not culprits:
            yield f"together (each of the {len(sends)} packets alone makes no difference):"
            yield from different[: 2 * _CULPRITS_SHOWN]

    def settle(self) -> None:
        """Let pass what the other router is granted to follow a change of configuration.

        How late it is, is the gates' tests' subject; here a busy machine may delay it until it answers.
        """
        time.sleep(self.settle_s)
        if self.bise:
            self.bise.ask("status")
            self.bise.ask("status")

    @contextmanager
    def configured(self, *lines: str, undo: Sequence[str] | None = None) -> Iterator[None]:
        """Lines of `ip` in both routers while the block runs. They are undone by `undo`, or with `del` for `add`."""
        undoing = undo if undo is not None else [undone(line) for line in reversed(lines)]
        try:
            self._ip(lines)
            yield
        finally:
            self._ip(undoing)

    def _ip(self, lines: Sequence[str]) -> None:
        for network in self.networks:
            network.topology.router.ip(*lines)
        self.settle()

    @contextmanager
    def sysctls(self, settings: Mapping[str, int | str]) -> Iterator[None]:
        """Sysctls in both routers while the block runs."""
        with self.kernel.topology.router.inside():
            before = {name: Path("/proc/sys", name).read_text().strip() for name in settings}
        self._sysctl(settings)
        try:
            yield
        finally:
            self._sysctl(before)

    def _sysctl(self, settings: Mapping[str, int | str]) -> None:
        for network in self.networks:
            network.topology.router.sysctl(settings)
        self.settle()

    @contextmanager
    def commanded(self, command: str, undo: str) -> Iterator[None]:
        """What a command does to both routers, while the block runs."""
        self.run(command)
        try:
            yield
        finally:
            self.run(undo)

    def run(self, command: str, *, settled: bool = True) -> None:
        """Run a command in both routers, in the other one last."""
        for network in self.networks:
            network.topology.router.run_line(command)
        if settled:
            self.settle()
