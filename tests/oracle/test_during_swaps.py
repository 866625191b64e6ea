"""While the pipeline of two workers is exchanged over and over, each packet meets the fate that Linux would give it."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import UDP

from tests.oracle.addresses import SERVER4
from tests.oracle.conftest import FORWARDERS, WIDE_PORTS, paired
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair
from tests.oracle.routes import STANDARD
from tests.oracle.swaps import coming_and_going, passing
from tests.oracle.test_two_workers import flows

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

CORES = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))


@pytest.fixture(scope="module", params=FORWARDERS[1:])  # the kernel has nothing to exchange
def swapping(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two routers; in the one that Bise forwards for, users' nodes come and go."""
    file = passing()
    options = ("--cores", CORES, "--queues", "2", "--node", str(file))
    with paired(request.param, WIDE_PORTS, STANDARD, options) as two, coming_and_going(two, file) as swaps:
        yield two
        assert swaps[0] >= 10


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(WIDE_PORTS[0]), min_size=20, max_size=60))
def test_any_traffic_leaves_both_routers_alike(swapping: Pair, traffic: list[bytes]) -> None:
    swapping.agree("c", traffic)


def test_the_packets_of_a_flow_stay_in_order(swapping: Pair) -> None:
    for arrived in flows(swapping, 16):
        assert all(numbers == sorted(numbers) for numbers in arrived.values())
        assert {len(numbers) for numbers in arrived.values()} == {20}


def test_what_is_punted_arrives(swapping: Pair) -> None:
    sources = [ip4(source=f"10.1.1.{host}", ttl=1) / UDP(sport=host, dport=53) for host in range(1, 250)]
    assert len(swapping.agree("c", sources)["c"]) == len(sources)


def test_routes_and_sizes_change_meanwhile(swapping: Pair) -> None:
    packets = [ip4("198.51.100.200") / udp(), ip4(SERVER4) / udp(bytes(1300)), ip6() / udp(bytes(1300))] * 20
    assert len(swapping.agree("c", packets)["t"]) == 20
    with swapping.configured("route add 198.51.100.200/32 via 10.0.2.2"):
        assert not swapping.agree("c", packets)["t"]
    with swapping.configured("link set dev s mtu 1280", undo=["link set dev s mtu 1500"]):
        assert len(swapping.agree("c", packets)["s"]) == 40  # two fragments of each datagram of IPv4
