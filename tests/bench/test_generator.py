"""The generator: its packets are what scapy makes of the same fields, they arrive, and it dies with its parent."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from bise.bench.generator import Meter, Offer, Sender, Sink
from bise.bench.generator.meter import Sample, between, rates
from bise.bench.generator.sink import Delays
from bise.bench.topology import ROUTER_MAC, SOURCE, Line
from tests.namespaces import CLIENT, SERVER, Topology
from tests.oracle.peer import Peer, wait_any

MACS = ("02:00:00:00:01:02", "02:00:00:00:01:01")
IPV4 = Offer("10.1.1.9", ["10.1.2.9", "10.1.2.255", "200.201.202.203"], 5000, flows=7, size=60)
IPV6 = Offer("2001:db8:101::9", ["2001:db8:102::9", "2001:db8:102:ffff::ffff"], 5000, flows=7, size=80)


def test_whole_packets_are_what_scapy_makes() -> None:
    for packet, destination in zip(IPV4.packets(*MACS), IPV4.destinations, strict=True):
        payload = UDP(sport=0, dport=9, chksum=0) / bytes(18)
        made = Ether(src=MACS[0], dst=MACS[1]) / IP(src=IPV4.source, dst=destination, id=0, flags="DF") / payload
        assert packet == bytes(made)


def test_a_gap_is_the_rates_inverse() -> None:
    assert Offer(SOURCE, [], 1e6).gap_ps == 1_000_000
    assert Offer(SOURCE, [], 0).gap_ps == 0


def test_rates_follow_from_samples() -> None:
    samples = [Sample(0.0, 0, 0), Sample(0.5, 100, 50), Sample(1.0, 200, 150), Sample(1.5, 200, 190)]
    assert [rate for _, rate in rates(samples)] == [100, 200, 80]
    assert [rate for _, rate in rates(samples, 2)] == [150]
    span = between(samples[0], samples[-1])
    assert (span.lost, span.rate, span.offered) == (10, 190 / 1.5, 200 / 1.5)


@pytest.fixture
def host() -> Iterator[Topology]:
    with Topology((CLIENT, SERVER), gro=True) as topology:
        yield topology


@pytest.mark.root
@pytest.mark.parametrize("offer", [IPV4, IPV6], ids=["IPv4", "IPv6"])
def test_every_packet_on_the_wire_is_whole_and_one_of_those_offered(host: Topology, offer: Offer) -> None:
    packets: list[bytes] = []
    core = min(os.sched_getaffinity(0))
    with Peer(host.router, "c") as seen, Sender(host.hosts["c"], "c0", CLIENT.router_mac, offer, core) as sender:
        while len(packets) < 500:
            assert wait_any([seen], time.monotonic() + 10)
            packets += seen.receive()
        assert sender.sent >= 500
    kind = IPv6 if offer.is_ipv6 else IP
    for octets in packets:
        packet = Ether(octets)
        assert (packet.src, packet.dst, len(octets)) == (CLIENT.host_mac, CLIENT.router_mac, offer.size)
        assert (packet[kind].src, packet[UDP].dport) == (offer.source, 9)
        again = packet.copy()
        del again[UDP if offer.is_ipv6 else IP].chksum
        assert bytes(again) == octets
    assert {Ether(octets)[kind].dst for octets in packets} == set(offer.destinations)
    assert {Ether(octets)[UDP].sport for octets in packets} == set(range(1024, 1024 + offer.flows))


@pytest.mark.root
def test_what_the_kernel_forwards_is_counted() -> None:
    with Line(routes=4) as line, Sink(line.server, "s0") as sink, Meter(sink) as meter:
        offer = Offer(SOURCE, line.destinations(64), 20_000)
        with meter.follow(Sender(line.client, "c0", ROUTER_MAC, offer, line.cores.traffic)):
            deadline = time.monotonic() + 20
            while sink.arrived.packets < 2000 and time.monotonic() < deadline:
                meter.pass_time(0.05)
        arrived = sink.arrived
        assert arrived.packets >= 2000
        assert arrived.wrong == 0
        assert arrived.longest_gap_ns > 0
        sink.forget_gap()
        assert sink.arrived.longest_gap_ns == 0
        assert sink.arrived.packets == arrived.packets


@pytest.mark.root
def test_packets_that_nobody_forwarded_are_counted_as_wrong(host: Topology) -> None:
    with Sink(host.router, "c") as sink:
        with Sender(host.hosts["c"], "c0", CLIENT.router_mac, IPV4, min(os.sched_getaffinity(0))):
            deadline = time.monotonic() + 10
            while not sink.arrived.packets and time.monotonic() < deadline:
                pass
        assert sink.arrived.wrong == sink.arrived.packets > 0


DYING = """
import time
from bise.bench.generator import Offer, Sender
from bise.bench.topology import Line, ROUTER_MAC, SOURCE
with Line(routes=1, purpose="bisetestdying") as line:
    sender = Sender(line.client, "c0", ROUTER_MAC, Offer(SOURCE, line.destinations(4), 10_000), 0)
    sender.start()
    print(sender._process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.root
def test_the_generator_dies_with_whoever_started_it() -> None:
    parent = subprocess.Popen([sys.executable, "-c", DYING], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = Path("/proc", parent.stdout.readline().strip())
    assert child.exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not child.exists()
    with Line(routes=1, purpose="bisetestdying"):
        pass
    assert not list(Path("/run/netns").glob("bisetestdying-*"))


def test_delays_are_told_within_3_percent() -> None:
    for delay_ns in (5, 63, 64, 1000, 54_321, 1_000_000, 2**31 - 1):
        shift = max(0, delay_ns.bit_length() - 6)
        counters = [0] * 1024
        counters[32 * shift + (delay_ns >> shift)] = 10
        assert Delays(tuple(counters)).percentile_us(99) == pytest.approx(delay_ns / 1000, rel=0.03, abs=0.001)


def test_percentiles_follow_from_counters() -> None:
    found = Delays((0, 90, 0, 9, 1))
    assert [found.percentile_us(percent) for percent in (50, 99, 99.9)] == [0.0015, 0.0035, 0.0045]
    assert math.isnan(Delays((0, 0)).percentile_us(50))


@pytest.mark.root
def test_stamped_packets_are_timed() -> None:
    with Line(routes=4) as line, Sink(line.server, "s0", stamped=True) as sink, Meter(sink) as meter:
        offer = Offer(SOURCE, line.destinations(64), 5000, stamped=True)
        with meter.follow(Sender(line.client, "c0", ROUTER_MAC, offer, line.cores.traffic)):
            deadline = time.monotonic() + 20
            while sum(sink.delays.packets) < 500 and time.monotonic() < deadline:
                meter.pass_time(0.05)
        counted = sum(sink.delays.packets)
        assert counted >= 500
        assert 1 < sink.delays.percentile_us(50) < 20_000
        sink.forget_delays()
        assert sum(sink.delays.packets) == 0
