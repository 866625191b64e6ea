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
from tests.oracle.network import Arrived, Network, Outputs, Sent
from tests.oracle.swaps import Swaps

_CULPRITS_SHOWN = 3
_ATTEMPTS = 20
_HELPING = ("late", "overload", "gate-all", "gate-ipv4")  # why the steering program passes to the kernel what is native


class Differs(AssertionError):
    """The two routers did not do the same."""


class Agreed(dict[str, list[bytes]]):
    """What came out of both routers alike, by port, of so many packets."""

    def __init__(self, outputs: Outputs, packets: int) -> None:
        super().__init__(outputs)
        self.packets = packets


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
    swaps: Swaps | None = None
    _changed_at: float | None = None

    @property
    def networks(self) -> tuple[Network, Network]:
        """The two, once changes act."""
        self.settle()
        return self.kernel, self.other

    def port(self, name: str) -> Port:
        return next(port for port in self.kernel.topology.ports if port.name == name)

    def agree(self, port: str, packets: Iterable[bytes | Packet], *, sentinels: bool = True) -> Agreed:
        """Send `packets` into `port` of both, and return what came out of both alike; else Differs.

        A packet is octets, or a scapy packet; one that begins with its network header gets the host's Ethernet header.
        """
        return self.agree_on([(port, octets(self.port(port), packet)) for packet in packets], sentinels=sentinels)

    def agree_on(self, sends: Sequence[Sent], *, sentinels: bool = True) -> Agreed:
        """The same for packets into several ports, in this order."""
        expected, found = self.exchange(sends, sentinels)
        different = differences(expected, found)
        if different:
            # A worker that was late has yet to send what waits, while the kernel has forwarded the sentinels behind it.
            self.other.collect(found, sentinels=False)
            different = differences(expected, found)
        if different:
            raise Differs("\n".join(self._report(sends, sentinels, different)))
        return Agreed({port: provoked(expected.get(port, ())) for port in self.kernel.peers}, len(sends))

    def exchange(self, sends: Sequence[Sent], sentinels: bool = True) -> tuple[Arrived, Arrived]:
        """What came out of the one and of the other. Changes act before anything is sent."""
        self.settle()
        expected = self.kernel.exchange(sends, sentinels=sentinels)
        self._swap()
        return expected, self.other.exchange(sends, sentinels=sentinels)

    def undisturbed(self, network: Network, sends: Sequence[Sent]) -> Arrived:
        """What came out of one of the two where the kernel did not help out, as it does for a worker that gets no time:
        then flows lose their order, and paths of Bise's own choice. In another attempt where it did; so send few."""
        for _ in range(_ATTEMPTS):
            before, outputs = self._helped(), network.exchange(sends)
            if self._helped() == before:
                return outputs
            network.collect(outputs, sentinels=False)  # what has yet to come is not the next attempt's
        raise AssertionError(f"the kernel helped out in {_ATTEMPTS} attempts: this machine is too busy to tell")

    def _helped(self) -> int:
        ports = self.bise.ask("ports") if self.bise else []
        return sum(port["steering"].get(why, 0) for port in ports for why in _HELPING)

    def _swap(self) -> None:
        """Where users' nodes come and go, they do so now."""
        if self.swaps:
            self.swaps.go_on()

    def _report(self, sends: Sequence[Sent], sentinels: bool, different: list[str]) -> Iterator[str]:
        """Send each packet alone, so as to name those that are to blame."""
        culprits = 0
        for port, packet in sends:
            alone = differences(*self.exchange([(port, packet)], sentinels))
            if alone:
                yield f"into {port}: {shown(packet)}"
                yield from alone
                culprits += 1
            if culprits == _CULPRITS_SHOWN:
                return
        if not culprits:
            yield f"together (each of the {len(sends)} packets alone makes no difference):"
            yield from different[: 2 * _CULPRITS_SHOWN]

    def changed(self) -> None:
        """Somebody has changed the configuration of both routers."""
        self._changed_at = time.monotonic()
        self._swap()

    def settle(self) -> None:
        """After a change, let pass what the other router is granted to follow it.

        How late it is, is the gates' tests' subject; here a busy machine may delay it until it answers.
        """
        if self._changed_at is None:
            return
        time.sleep(max(0.0, self._changed_at + self.settle_s - time.monotonic()))
        if self.bise:
            self.bise.ask("status")
            self.bise.ask("status")
        self._changed_at = None

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
        for network in (self.kernel, self.other):
            network.topology.router.ip(*lines)
        self.changed()

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
        for network in (self.kernel, self.other):
            network.topology.router.sysctl(settings)
        self.changed()

    @contextmanager
    def commanded(self, command: str, undo: str) -> Iterator[None]:
        """What a command does to both routers, while the block runs."""
        self.run(command)
        try:
            yield
        finally:
            self.run(undo)

    def run(self, command: str) -> None:
        """Run a command in both routers, in the other one last."""
        for network in (self.kernel, self.other):
            network.topology.router.run_line(command)
        self.changed()
