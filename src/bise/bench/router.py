"""Our pipeline between in-memory sources and null sinks, one of each for a core, without control plane or kernel."""

import time
from collections.abc import Sequence
from pathlib import Path

from bise.bench.prefixes import Prefixes
from bise.bench.testpmd import tsc_hz
from bise.bench.traffic import HOST_MAC, ROUTER_MAC, Job
from bise.engine import worker as parts
from bise.engine.crew import Crew
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.graph import build as build_graph
from bise.engine.pipeline import Pipeline, build
from bise.engine.writer import Driver
from bise.features.ethernet import nodes as ethernet
from bise.features.ethernet.control import Faces
from bise.features.ipv4 import nodes as ipv4
from bise.features.ipv4.control import odd_first_octets
from bise.features.ipv4.state import DOUBTS_SIZE, FIRST_OCTETS
from bise.features.ipv4.state import State as IPv4State
from bise.features.ipv6 import nodes as ipv6
from bise.features.ipv6.state import State as IPv6State
from bise.features.nexthop import nodes as nexthop
from bise.features.nexthop.control import Egress, Hops, Via
from bise.hot import Region
from bise.ports.dpdk import devices, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.port import DpdkPort
from bise.tables.prefix32 import Prefix32
from bise.tables.prefix128 import Prefix128
from bise.tables.retire import immediately

DRIVERS = (Driver(0, "bise.ports.dpdk.queue"),)
PARTS = (ethernet.PART, ipv4.PART, ipv6.PART, nexthop.PART)  # as `bise run` has them where no checksum is incomplete
_HOPS = 16


class Router:
    """Forwards the packets of a capture; both families' tables are there, that of the job's family is filled.

    `sources` and `sinks`: by core. The first ones are what `measure` uses.
    """

    def __init__(self, job: Job, prefixes: Prefixes, source: Path, cores: Sequence[int], packets: int) -> None:
        self.pool, numbers = Pool(packets), range(len(cores))
        self.sources = [DpdkPort(f"in{number}", devices.source(str(source)), self.pool) for number in numbers]
        self.sinks = [DpdkPort(f"out{number}", devices.sink(), self.pool) for number in numbers]
        self.faces, self.hops = Faces(2), Hops(immediately)
        self.faces.set_mac(0, ROUTER_MAC)
        self.tables = Prefix32(immediately), Prefix128(immediately)
        self._fill(job, prefixes)
        self._make_states()
        self.pipeline = build(build_graph("ethernet.input", PARTS), DRIVERS)
        self.crew = Crew(cores[:1], parts.POLL, register, unregister)
        self.further_states: dict[str, int] = {}  # addresses of those of nodes besides the features'
        self.duty = Duty((self.receives(0),), (self.sends(0),))

    def receives(self, number: int, spread: bool = False) -> ReceiveQueue:
        """The queue of a source."""
        address = self.sources[number].queues[0].address
        return ReceiveQueue(0, 0, address, 0, 0, -1, -1, spread=spread)

    def sends(self, number: int) -> TransmitLane:
        """The lane to a sink: which of them the packets' port is, is the worker's business."""
        return TransmitLane(1, 0, self.sinks[number].queues[0].address)

    def _fill(self, job: Job, prefixes: Prefixes) -> None:
        self.hops.set_link(2, Egress(port=1, mac=ROUTER_MAC, mtu=1500))
        via = [Via(2, job.family, 1 << 24 | number) for number in range(_HOPS)]
        for hop in via:
            self.hops.set_neighbour(2, job.family, hop.address, HOST_MAC + hop.address)
        indices = [self.hops.claim(hop) for hop in via]
        chosen = [indices[int(value) % _HOPS] for value in prefixes.values]
        if job.family == 4:
            self.tables[0].load(prefixes.highs >> 32, prefixes.lengths, chosen)
        else:
            self.tables[1].load(prefixes.highs, prefixes.lows, prefixes.lengths, chosen)

    def _make_states(self) -> None:
        self._region = Region(DOUBTS_SIZE + IPv4State.size + IPv6State.size, huge_pages=False)
        self._region.array("u1", 0, FIRST_OCTETS)[:] = odd_first_octets()
        self.ipv4 = IPv4State(self._region.address + DOUBTS_SIZE)
        self.ipv6 = IPv6State(self.ipv4.address + IPv4State.size)
        self.ipv4.doubts = self._region.address
        self.ipv4.fib, self.ipv6.fib = (table.address for table in self.tables)
        self.ipv4.hops = self.ipv6.hops = self.hops.address

    def states(self) -> dict[str, int]:
        """Addresses of all nodes' states."""
        return {
            "bise.features.ethernet.state.State": self.faces.state.address,
            "bise.features.ipv4.state.State": self.ipv4.address,
            "bise.features.ipv6.state.State": self.ipv6.address,
            "bise.features.nexthop.state.State": self.hops.state.address,
            **self.further_states,
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

    def measure_thread(self, pipeline: Pipeline, windows: int, window_s: float) -> list[float]:
        """The same for another pipeline, of the time alone that the worker really had its core."""
        self.crew.publish(pipeline, [self.duty], self.states())
        self.crew.start()
        while not self.crew.all_turning():
            time.sleep(0.001)
        (member,) = self.crew.members
        assert member.thread is not None
        assert member.thread.ident is not None
        clock, found = time.pthread_getcpuclockid(member.thread.ident), []
        for _ in range(windows):
            before, begun = self.crew.sums()["transmit"], time.clock_gettime(clock)
            time.sleep(window_s)
            after, ended = self.crew.sums()["transmit"], time.clock_gettime(clock)
            if after > before:
                found.append(tsc_hz() * (ended - begun) / (after - before))
        self.crew.stop()
        return found

    def strays(self) -> int:
        """Packets that were not forwarded."""
        return sum(count for name, count in self.crew.sums().items() if name != "transmit")

    def close(self) -> None:
        """Before its memory goes: DPDK gives back what lies in it."""
        for port in (*self.sources, *self.sinks):
            port.close()
        self.pool.close()
        for table in self.tables:
            table.close()
        self._region.close()


def register() -> None:
    """Makes a worker's thread known to the pool."""
    shim.call("worker", "bise_thread_register")


def unregister() -> None:
    shim.attempt("bise_thread_unregister")
