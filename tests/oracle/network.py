"""One router under test, its ports' far ends, and how to know that everything sent has come out.

Nobody sleeps to wait for packets: after each batch come *sentinels*, packets that travel every way that a packet may
take (forwarded between each two ports, answered with an ICMP error at each port; both families). When they are all out,
what went in before them is out as well. Where a test forbids forwarding, it waits for quiet instead.
"""

import itertools
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from zlib import crc32

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from tests.namespaces import Port, Topology
from tests.oracle.peer import Lost, Peer, wait_any

Outputs = Mapping[str, list[bytes]]
Arrived = defaultdict[str, list[bytes]]
Sent = tuple[str, bytes]

_MAGIC = b"bise sentinel "
_BATCH = 64
_AGAIN_S = 0.25

# Errors as many as there are causes: their limits would make the two routers differ by chance.
UNLIMITED_ERRORS: Mapping[str, int | str] = {
    "net/ipv4/icmp_ratelimit": 0,
    "net/ipv4/icmp_msgs_per_sec": 1_000_000,
    "net/ipv4/icmp_msgs_burst": 1_000_000,
    "net/ipv6/icmp/ratelimit": 0,
    # An error about fragments that never became whole would come half a minute later, to another test.
    "net/ipv4/ipfrag_time": 3600,
    "net/ipv6/ip6frag_time": 3600,
    "net/ipv6/auto_flowlabels": 0,
    "net/ipv4/conf/all/send_redirects": 0,
    "net/ipv4/conf/default/send_redirects": 0,
}


class Network:
    """A topology with a packet socket at the far end of each port."""

    def __init__(self, topology: Topology, peers: Mapping[str, Peer]) -> None:
        self.topology = topology
        self.peers = peers
        self.quiet_s = 0.03
        self.patience_s = 3.0
        self._queues = max(port.queues for port in topology.ports)
        self._numbers = itertools.count()
        self._fronts = list(_fronts(topology.ports))

    def exchange(self, sends: Sequence[Sent], *, sentinels: bool = True) -> Arrived:
        """Send packets, each into its port, and return what came out of each port."""
        outputs: Arrived = defaultdict(list)
        for start in range(0, max(1, len(sends)), _BATCH):
            self._send(sends[start : start + _BATCH])
            self.collect(outputs, sentinels=sentinels)
        return outputs

    def _send(self, sends: Sequence[Sent]) -> None:
        """A flow has one queue, by where IPv4 has addresses."""
        for queue in range(self._queues):
            with core_of(queue, self._queues):
                for port, packet in sends:
                    if crc32(packet[26:34]) % self._queues == queue:
                        self.peers[port].send([packet])

    def forget(self) -> None:
        """Throw away what has come out so far."""
        for peer in self.peers.values():
            peer.receive()

    def collect(self, outputs: Arrived, *, sentinels: bool = True) -> None:
        """Add to `outputs` whatever comes out until all that was sent must be out."""
        if sentinels:
            self._until_sentinels(outputs)
        else:
            self._until_quiet(outputs)

    def _until_sentinels(self, outputs: Arrived) -> None:
        given_up = time.monotonic() + self.patience_s
        while time.monotonic() < given_up:
            missing = {}
            for queue in range(self._queues):
                with core_of(queue, self._queues):
                    for port, sentinel, mark in self._sentinels():
                        self.peers[port].send([sentinel])
                        missing[mark] = port, sentinel
            again = time.monotonic() + _AGAIN_S
            while wait_any(self.peers.values(), again):
                for packet in self._receive(outputs):
                    mark = packet[packet.index(_MAGIC) :][: len(mark)]
                    missing.pop(mark, None)
                if not missing:
                    return
        lost = "; ".join(f"into {port}, {Ether(sentinel).summary()}" for port, sentinel in missing.values())
        raise Lost(f"{len(missing)} sentinels never came out: {lost}")

    def _until_quiet(self, outputs: Arrived) -> None:
        while wait_any(self.peers.values(), time.monotonic() + self.quiet_s):
            for _ in self._receive(outputs):
                pass

    def _receive(self, outputs: Arrived) -> Iterator[bytes]:
        """Sort what has come out: yields the sentinels, adds everything else to `outputs`."""
        for port, peer in self.peers.items():
            for packet in peer.receive():
                if _MAGIC in packet:
                    yield packet
                else:
                    outputs[port].append(packet)

    def _sentinels(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Port to send into, packet, and the mark to look for."""
        for port, front in self._fronts:
            number = next(self._numbers)
            # A number and its complement add nothing to the checksum that the front holds.
            mark = _MAGIC + number.to_bytes(8, "big") + (number ^ (1 << 64) - 1).to_bytes(8, "big")
            yield port, front[: -len(mark)] + mark, mark


@contextmanager
def core_of(queue: int, queues: int) -> Iterator[None]:
    """This thread stays on a core that sends by this queue, one of so many; what goes by another one may overtake."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min((core for core in allowed if core % queues == queue), default=min(allowed))})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _fronts(ports: Sequence[Port]) -> Iterator[tuple[str, bytes]]:
    """A sentinel for each way through the router, by the port it is sent into."""
    for source, target in itertools.permutations(ports, 2):
        yield from ((source.name, front) for front in _both_families(source, target, hops=64))
    for source, target in zip(ports, [*ports[1:], ports[0]], strict=True):
        yield from ((source.name, front) for front in _both_families(source, target, hops=1))  # "time exceeded"


def _both_families(source: Port, target: Port, hops: int) -> Iterator[bytes]:
    ethernet = Ether(src=source.host_mac, dst=source.router_mac)
    payload = UDP(sport=9, dport=9) / (_MAGIC + b"\0" * 8 + b"\xff" * 8)
    yield bytes(ethernet / IP(src=source.sentinel4, dst=target.sentinel4, ttl=hops) / payload)
    yield bytes(ethernet / IPv6(src=source.sentinel6, dst=target.sentinel6, hlim=hops) / payload)


@contextmanager
def network(topology: Topology) -> Iterator[Network]:
    """Make the topology, give its router the settings every comparison needs, and open the far ends."""
    with ExitStack() as stack:
        stack.enter_context(topology)
        topology.router.sysctl(UNLIMITED_ERRORS)
        hosts = topology.hosts
        yield Network(
            topology, {port.name: stack.enter_context(Peer(hosts[port.name], port.far)) for port in topology.ports}
        )
