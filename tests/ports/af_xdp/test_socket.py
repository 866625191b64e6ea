"""A socket and its rings, by hand: no worker, one step at a time. Runs in every mode."""

import os
import select
import time
from collections.abc import Iterator

import pytest
from scapy.all import IP, UDP, Ether, Raw

from bise.hot import Region, load64, store64
from bise.ports.af_xdp import rings
from bise.ports.af_xdp.rings import SocketQueue
from bise.ports.af_xdp.socket import XdpSocket
from bise.ports.dpdk.pool import Pool
from bise.ports.errors import PortError
from bise.ports.mbuf import HEADROOM, Mbuf
from bise.ports.steering.layout import Gate
from bise.ports.steering.program import Steering, steer
from bise.ports.steering.verdicts import Verdicts
from tests.namespaces import CLIENT, Topology
from tests.oracle.peer import Peer

pytestmark = pytest.mark.root

ENTRIES = 256
HOUR_NS = 3_600_000_000_000
PACKET = bytes(
    Ether(src=CLIENT.host_mac, dst=CLIENT.router_mac) / IP(src=CLIENT.beyond4, dst="10.1.9.9") / UDP() / Raw(b"p" * 30)
)


class Bench:
    """A port with one queue whose gate is open, and the client's end of it."""

    def __init__(self, topology: Topology, steering: Steering, pool: Pool) -> None:
        self.topology, self.steering, self.pool = topology, steering, pool
        self.client = Peer(topology.hosts["c"], CLIENT.far)
        self.array = Region(4096, huge_pages=False)
        self.queue = self.open()

    def open(self) -> XdpSocket:
        made = XdpSocket("c", self.steering.interface.ifindex, 0, self.pool, 3, ENTRIES)
        self.steering.give(0, made.descriptor)
        self.steering.deadlines[0] = time.monotonic_ns() + HOUR_NS
        rings.receive(made.address, self.array.address, 32)  # lends the first packets
        return made

    def receive(self, count: int = 1, within_s: float = 2.0) -> list[int]:
        """Addresses of packets received."""
        found: list[int] = []
        deadline = time.monotonic() + within_s
        while len(found) < count and time.monotonic() < deadline:
            got = rings.receive(self.queue.address, self.array.address, 32)
            found += [load64(self.array.address + 8 * number) for number in range(got)]
        return found

    def transmit(self, packets: list[int]) -> int:
        for number, packet in enumerate(packets):
            store64(self.array.address + 8 * number, packet)
        return int(rings.transmit(self.queue.address, self.array.address, len(packets)))

    def close(self) -> None:
        self.client.close()
        self.queue.close()


@pytest.fixture
def bench(pool: Pool) -> Iterator[Bench]:
    maps = Verdicts(4, 16), Verdicts(6, 16)
    with Topology([CLIENT]) as topology, topology.router.inside():
        steering = steer("c", maps)
        steering.set_gate(Gate.OPEN)
        made = Bench(topology, steering, pool)
        yield made
        made.close()
        steering.close()


def test_a_received_packet_is_one_segment_behind_the_headroom(bench: Bench):
    bench.client.send([PACKET])
    (address,) = bench.receive()
    packet = Mbuf(address)
    assert (packet.data_off, packet.data_len, packet.pkt_len) == (HEADROOM, len(PACKET), len(PACKET))
    assert (packet.port, packet.nb_segs, packet.next, packet.refcnt, packet.ol_flags) == (3, 1, 0, 1, 0)
    offset = packet.buf_addr + HEADROOM - bench.pool.region.address
    assert bench.pool.region.array("u1", offset, len(PACKET)).tobytes() == PACKET
    bench.pool.put([address])


def test_the_descriptor_wakes_a_sleeper(bench: Bench):
    poll = select.poll()
    poll.register(bench.queue.descriptor, select.POLLIN)
    assert poll.poll(0) == []
    bench.client.send([PACKET])
    assert poll.poll(1000)
    bench.pool.put(bench.receive())


def test_what_was_sent_comes_back_to_the_pool(bench: Bench):
    lent = bench.pool.packets - bench.pool.available()
    for _ in range(3 * ENTRIES // 32):
        bench.client.send([PACKET] * 32)
        assert bench.transmit(bench.receive(32)) == 32
    bench.receive(1, 0.1)
    assert bench.pool.packets - bench.pool.available() == lent
    assert SocketQueue(bench.queue.address).transmitted == 3 * ENTRIES // 32 * 32


def test_a_packet_of_several_segments_is_dropped_and_counted(bench: Bench):
    one, two = bench.pool.get(2)
    Mbuf(one).nb_segs, Mbuf(one).next, Mbuf(one).data_len = 2, two, 60
    assert bench.transmit([one]) == 0
    assert SocketQueue(bench.queue.address).tx_dropped == 1


def test_what_the_ring_has_no_room_for_is_dropped_and_counted(bench: Bench):
    bench.topology.router.ip("link set dev c down")
    sent = 0
    for _ in range(ENTRIES // 32 + 2):
        packets = bench.pool.get(32)
        for packet in packets:
            Mbuf(packet).data_len = 60
        sent += bench.transmit(packets)
    record = SocketQueue(bench.queue.address)
    assert record.tx_dropped + sent == 32 * (ENTRIES // 32 + 2)
    assert record.transmitted == sent


def test_an_empty_pool_is_counted_and_recovers(bench: Bench):
    held = bench.pool.get(bench.pool.available() - 100)
    while True:
        try:
            held += bench.pool.get(1)
        except MemoryError:
            break
    bench.client.send([PACKET] * 128)
    held += bench.receive(128)
    assert SocketQueue(bench.queue.address).starved > 0
    bench.pool.put(held)
    bench.receive(1, 0.05)
    bench.client.send([PACKET])
    bench.pool.put(bench.receive())


def test_a_queue_has_one_socket(bench: Bench):
    with pytest.raises(PortError, match="another AF_XDP socket has queue 0"):
        XdpSocket("c", bench.steering.interface.ifindex, 0, bench.pool, 3)


def test_there_is_no_such_queue(bench: Bench):
    with pytest.raises(PortError, match="there is no queue 5"):
        XdpSocket("c", bench.steering.interface.ifindex, 5, bench.pool, 3)


def test_closing_gives_back_packets_and_descriptors(bench: Bench):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        bench.client.send([PACKET] * 20)  # left in the ring
        bench.queue.close()
        assert bench.pool.available() == bench.pool.packets
        bench.queue = bench.open()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_kernel_counts_what_it_could_not_deliver(bench: Bench):
    for _ in range(20):
        bench.client.send([PACKET] * 32)
        time.sleep(0.002)
    statistics = bench.queue.statistics()
    assert statistics.receive_ring_full + statistics.fill_ring_empty + statistics.received_dropped > 0
