"""Two workers share what comes by one queue a port, do what the kernel does, and keep each flow in order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import UDP

from tests.oracle.addresses import DESTINATIONS4, DESTINATIONS6
from tests.oracle.conftest import PORTS
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair
from tests.oracle.test_ipv4_options import CLOCKED, MALFORMED, WELL_FORMED, with_all
from tests.oracle.test_two_workers import flows

pytestmark = pytest.mark.root


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(PORTS[0]), min_size=1, max_size=40))
def test_any_traffic_leaves_both_routers_alike(narrow_pair: Pair, traffic: list[bytes]) -> None:
    narrow_pair.agree("c", traffic)


@pytest.mark.parametrize("port", ["c", "s", "t"])
def test_all_destinations_meet_the_same_fate(narrow_pair: Pair, port: str) -> None:
    packets = [ip4(address) / udp() for address in DESTINATIONS4] + [ip6(address) / udp() for address in DESTINATIONS6]
    narrow_pair.agree(port, packets * 3)


def test_both_workers_punt(narrow_pair: Pair) -> None:
    for name, options in (WELL_FORMED | MALFORMED).items():
        if name not in CLOCKED:
            narrow_pair.agree("c", with_all(options, ttl=1))
    sources = [ip4(source=f"10.1.1.{host}", ttl=1) / UDP(sport=host, dport=53) for host in range(1, 250)]
    assert len(narrow_pair.agree("c", sources)["c"]) == len(sources)


@pytest.mark.parametrize("count", [1, 7, 64])
def test_the_packets_of_a_flow_stay_in_order(narrow_pair: Pair, count: int) -> None:
    for arrived in flows(narrow_pair, count):
        assert all(numbers == sorted(numbers) for numbers in arrived.values())
        assert {len(numbers) for numbers in arrived.values()} == {20}
        assert len(arrived) == count


def test_packets_are_handed_over_and_add_up(narrow_pair: Pair) -> None:
    bise = narrow_pair.bise
    if bise is None:
        pytest.skip("nothing but the kernel forwards")
    flows(narrow_pair, 400)
    ports, workers = bise.ask("ports"), bise.ask("status")["workers"]
    assert all(port["queues"] == 1 and port["spread"] for port in ports)
    assert all(worker["handed"] > 0 and worker["packets"] > 1000 for worker in workers)
    received = sum(port["received"] for port in ports)
    assert received == sum(worker["packets"] for worker in workers)
    sinks = sum(each["packets"] for verb in ("drops", "punts") for each in bise.ask(verb))
    assert received == sinks + sum(port["transmitted"] for port in ports)
