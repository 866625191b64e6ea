"""Two workers and two queues a port do what one does, and keep each flow in order."""

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import UDP

from tests.oracle.addresses import DESTINATIONS4, DESTINATIONS6
from tests.oracle.conftest import WIDE_PORTS
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair, octets
from tests.oracle.test_ipv4_options import CLOCKED, MALFORMED, WELL_FORMED, with_all

pytestmark = pytest.mark.root


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(WIDE_PORTS[0]), min_size=1, max_size=40))
def test_any_traffic_leaves_both_routers_alike(wide_pair: Pair, traffic: list[bytes]) -> None:
    wide_pair.agree("c", traffic)


def test_all_destinations_meet_the_same_fate(wide_pair: Pair) -> None:
    packets = [ip4(address) / udp() for address in DESTINATIONS4] + [ip6(address) / udp() for address in DESTINATIONS6]
    outputs = wide_pair.agree("c", packets * 3)
    assert all(outputs.values())


def test_both_workers_punt(wide_pair: Pair) -> None:
    for name, options in (WELL_FORMED | MALFORMED).items():
        if name not in CLOCKED:
            wide_pair.agree("c", with_all(options, ttl=1))
    sources = [ip4(source=f"10.1.1.{host}", ttl=1) / UDP(sport=host, dport=53) for host in range(1, 250)]
    assert len(wide_pair.agree("c", sources)["c"]) == len(sources)


def test_both_workers_work(wide_pair: Pair) -> None:
    if wide_pair.bise is None:
        pytest.skip("nothing but the kernel forwards")
    flows(wide_pair, 400)
    assert all(worker["packets"] > 0 for worker in wide_pair.bise.ask("status")["workers"])


@pytest.mark.parametrize("count", [1, 7, 64])
def test_the_packets_of_a_flow_stay_in_order(wide_pair: Pair, count: int) -> None:
    for arrived in flows(wide_pair, count):
        assert all(numbers == sorted(numbers) for numbers in arrived.values())
        assert {len(numbers) for numbers in arrived.values()} == {20}
        assert len(arrived) == count


def flows(pair: Pair, count: int) -> list[dict[bytes, list[int]]]:
    """Send twenty packets of each of `count` flows, and return, for each router, the numbers that came out by flow."""
    port = pair.port("c")
    sends = [
        ("c", octets(port, ip4(source=f"10.1.1.{flow % 250 + 1}") / UDP(sport=1000 + flow, dport=53) / bytes([number])))
        for number in range(20)
        for flow in range(count)
    ]
    found = []
    for network in pair.networks:
        arrived: defaultdict[bytes, list[int]] = defaultdict(list)
        for packet in network.exchange(sends)["s"]:
            if packet[12:14] == b"\x08\x00" and packet[36:38] == b"\0\x35":
                arrived[packet[26:38]].append(packet[42])
        found.append(dict(arrived))
    return found
