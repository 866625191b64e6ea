"""Cycles a packet of forwarding: our pipeline against `dpdk-testpmd --forward-mode=mac`, alternating in one run.

Both read 64-octet packets from an in-memory source and send them to a null sink on one core, and both are measured in
the same way: the time-stamp counter's rate over packets a second.
"""

import contextlib
import os
import random
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bise.bench.tables import row
from bise.bench.testpmd import forwarder, tsc_hz
from bise.engine import worker as parts
from bise.engine.crew import Crew, Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import build as build_graph
from bise.engine.node import Part
from bise.engine.pipeline import build
from bise.engine.writer import Driver
from bise.features.ethernet import nodes as ethernet
from bise.features.ethernet.control import Faces
from bise.features.ipv4 import nodes as ipv4
from bise.features.ipv4.state import OWN_BITS
from bise.features.ipv4.state import State as IPv4State
from bise.features.nexthop import nodes as nexthop
from bise.features.nexthop.control import Egress, Hops, Via
from bise.hot import Region
from bise.ports.dpdk import devices, eal, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.port import DpdkPort
from bise.tables.prefix32 import Prefix32
from bise.tables.retire import immediately

ROUTER_MAC, HOST_MAC = 0x020000000001, 0x020000000002
DRIVERS = (Driver(0, "bise.ports.dpdk.queue"),)


@dataclass(frozen=True)
class Job:
    """What is forwarded: `routes` prefixes, and packets to `destinations` addresses inside them."""

    routes: int = 10_000
    destinations: int = 4096


def prefixes(job: Job, seed: int = 1) -> list[tuple[int, int]]:
    """Distinct unicast prefixes of 16 to 24 bits, as (address, length)."""
    chance = random.Random(seed)
    found: set[tuple[int, int]] = set()
    while len(found) < job.routes:
        length = chance.choice((16, 18, 20, 21, 22, 23, 24, 24, 24, 24))
        address = chance.randrange(20, 200) << 24 | chance.randrange(1 << 24)
        found.add((address >> (32 - length) << (32 - length), length))
    return sorted(found)


def capture(job: Job, routes: list[tuple[int, int]], path: Path) -> None:
    """A pcap file of 64-octet packets (60 and the check sequence) to addresses inside of `routes`."""
    chance = random.Random(2)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(job.destinations):
            address, length = chance.choice(routes)
            packet = _packet(address | chance.randrange(1 << (32 - length)), chance.randrange(1024, 65536))
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def _packet(destination: int, port: int) -> bytes:
    ethernet_header = ROUTER_MAC.to_bytes(6, "big") + HOST_MAC.to_bytes(6, "big") + b"\x08\x00"
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 46, 0, 0x4000, 64, 17, 0, 0x0A000102, destination)
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    ip = ip[:10] + struct.pack(">H", total) + ip[12:]
    return ethernet_header + ip + struct.pack(">HHHH", port, 53, 26, 0) + bytes(18)


class Router:
    """Our pipeline between the source and the sink, on one core, without control plane or kernel."""

    def __init__(self, job: Job, routes: list[tuple[int, int]], source: Path, core: int, packets: int = 32767) -> None:
        self.pool = Pool(packets)
        kinds = {"in": devices.source(str(source)), "out": devices.sink()}
        self.ports = [DpdkPort(name, kind, self.pool) for name, kind in kinds.items()]
        self.faces, self.hops = Faces(2), Hops(immediately)
        self.faces.set_mac(0, ROUTER_MAC)
        self.fib = Prefix32(immediately)
        self.hops.set_link(2, Egress(port=1, mac=ROUTER_MAC, mtu=1500))
        via = [Via(2, 4, 0x0A010000 + number) for number in range(16)]
        for hop in via:
            self.hops.set_neighbour(2, 4, hop.address, HOST_MAC + hop.address)
        indices = [self.hops.claim(hop) for hop in via]
        chosen = [indices[number % 16] for number in range(len(routes))]
        self.fib.load([address for address, _ in routes], [length for _, length in routes], chosen)
        self._own = Region(OWN_BITS // 8 + IPv4State.size + 2, huge_pages=False)
        self.ipv4 = IPv4State(self._own.address + OWN_BITS // 8)
        self.ipv4.fib, self.ipv4.hops, self.ipv4.own = self.fib.address, self.hops.address, self._own.address
        self.ipv4.checks = self.ipv4.address + IPv4State.size
        self.pipeline = build(build_graph("ethernet.input", _parts()), DRIVERS)
        self.crew = Crew([core], parts.POLL, _register, _unregister)
        queue = self.ports[0].queues[0]
        receive = ReceiveQueue(0, 0, queue.address, 0, 0, -1, -1, 0)
        self.duty = Duty((receive,), (TransmitLane(1, 0, self.ports[1].queues[0].address),))

    def states(self) -> dict[str, int]:
        """Addresses of the features' states."""
        return {
            "bise.features.ethernet.state.State": self.faces.state.address,
            "bise.features.ipv4.state.State": self.ipv4.address,
            "bise.features.nexthop.state.State": self.hops.state.address,
        }

    def measure(self, windows: int, window_s: float) -> list[float]:
        """Cycles a packet in each of `windows` stretches of time; then the core is free again."""
        self.crew.publish(self.pipeline, [self.duty], self.states())
        self.crew.start()
        time.sleep(0.2)
        found = []
        for _ in range(windows):
            before, begun = self.crew.sums()["transmit"], time.monotonic()
            time.sleep(window_s)
            after, ended = self.crew.sums()["transmit"], time.monotonic()
            found.append(tsc_hz() * (ended - begun) / max(1, after - before))
        self.crew.stop()
        return found

    def close(self) -> None:
        """Before its memory goes: DPDK gives back what lies in it."""
        for port in self.ports:
            port.close()
        self.pool.close()


def _parts() -> list[Part]:
    return [ethernet.PART, ipv4.PART, nexthop.PART]


def _register() -> None:
    shim.call("worker", "bise_thread_register")


def _unregister() -> None:
    shim.attempt("bise_thread_unregister")


def compare(job: Job, rounds: int, core: int) -> Iterator[tuple[float, float, float]]:
    """Alternates: cycles a packet of ours, of testpmd's `mac` and of its `io` (what source and sink cost), by round."""
    eal.start("bench", [core])
    others = sorted(os.sched_getaffinity(0) - {core}) or [core]
    with tempfile.TemporaryDirectory() as folder:
        path, routes = Path(folder) / "in.pcap", prefixes(job)
        capture(job, routes, path)
        with (
            contextlib.closing(Router(job, routes, path, core)) as router,
            forwarder(path, "mac", others[0], core) as yardstick,
            forwarder(path, "io", others[0], core) as bare,
        ):
            for _ in range(rounds):
                ours = min(router.measure(4, 0.25))
                yield ours, yardstick.measure(4, 0.25).minimum, bare.measure(4, 0.25).minimum


def measure(rounds: int = 6) -> Iterator[dict[str, Any]]:
    """`bise bench forward`: the quietest windows, and how far the rounds' ratios lie apart."""
    job, core = Job(), max(os.sched_getaffinity(0))
    ours, mac, bare = (list(column) for column in zip(*compare(job, rounds, core), strict=True))
    ratios = [mine / theirs for mine, theirs in zip(ours, mac, strict=True)]
    spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
    yield row(f"IPv4, {job.routes} routes, testpmd mac", "cycles", min(ours), min(mac), spread)
    yield row("source and sink alone, testpmd io", "cycles", min(bare))


if __name__ == "__main__":
    for mine, theirs, least in compare(Job(), 4, 1):
        print(f"ours {mine:.1f} mac {theirs:.1f} io {least:.1f} ratio {mine / theirs:.2f}", flush=True)
