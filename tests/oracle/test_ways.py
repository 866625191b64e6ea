"""What comes in any state, in floods and in flows, in whichever way it is forwarded; and that it is that way."""

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import UDP

from bise.bench.running import RunningBise
from tests.oracle.addresses import DESTINATIONS4, DESTINATIONS6
from tests.oracle.conftest import PORTS
from tests.oracle.network import Sent
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair, octets
from tests.oracle.ways import ALL, HANDING_OVER, NODES, OTHERS, SWAPS, TWO_WORKERS

pytestmark = pytest.mark.root

in_all_ways = pytest.mark.ways(*ALL)


@pytest.mark.parametrize("part", range(8))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(PORTS[0]), min_size=1, max_size=40))
def test_any_traffic_leaves_both_routers_alike(pair: Pair, part: int, traffic: list[bytes]) -> None:
    assert pair.agree("c", traffic).packets == len(traffic)


@in_all_ways
@pytest.mark.parametrize("port", ["c", "s", "t"])
def test_all_destinations_meet_the_same_fate(pair: Pair, port: str) -> None:
    packets = [ip4(address) / udp() for address in DESTINATIONS4] + [ip6(address) / udp() for address in DESTINATIONS6]
    assert all(pair.agree(port, packets * 3).values())


@in_all_ways
def test_what_is_punted_arrives(pair: Pair) -> None:
    sources = [ip4(source=f"10.1.1.{host}", ttl=1) / UDP(sport=host, dport=53) for host in range(1, 250)]
    assert len(pair.agree("c", sources)["c"]) == len(sources)


@in_all_ways
@pytest.mark.parametrize("count", [1, 7, 16])
def test_the_packets_of_a_flow_stay_in_order(pair: Pair, count: int) -> None:
    for arrived in flows(pair, count):
        assert all(numbers == sorted(numbers) for numbers in arrived.values())
        assert {len(numbers) for numbers in arrived.values()} == {20}
        assert len(arrived) == count


def sends(pair: Pair, count: int) -> list[Sent]:
    """Twenty numbered packets of each of `count` flows."""
    sources = [(f"10.1.1.{flow % 250 + 1}", 1000 + flow) for flow in range(count)]
    packets = [ip4(source=host) / UDP(sport=port, dport=53, chksum=0) / b"?" for host, port in sources]
    fronts = [octets(pair.port("c"), packet)[:-1] for packet in packets]
    return [("c", front + bytes([number])) for number in range(20) for front in fronts]


def flows(pair: Pair, count: int) -> list[dict[bytes, list[int]]]:
    """Send them, and return, for each router, the numbers that came out by flow."""
    found = []
    for network in pair.networks:
        outputs = pair.undisturbed(network, sends(pair, count))
        arrived: defaultdict[bytes, list[int]] = defaultdict(list)
        for packet in outputs["s"]:
            if packet[12:14] == b"\x08\x00" and packet[36:38] == b"\0\x35":
                arrived[packet[26:38]].append(packet[42])
        found.append(dict(arrived))
    return found


@pytest.fixture
def bise(pair: Pair) -> RunningBise:
    """Where it is Bise that forwards."""
    assert pair.bise is not None
    return pair.bise


@pytest.mark.ways(TWO_WORKERS, HANDING_OVER, SWAPS)
def test_both_workers_work(pair: Pair, bise: RunningBise) -> None:
    pair.exchange(sends(pair, 100))
    assert [worker["packets"] > 100 for worker in bise.ask("status")["workers"]] == [True, True]


@pytest.mark.ways(*OTHERS[:-1])  # packets are not counted at one moment while pipelines are exchanged
def test_all_that_was_received_is_counted_once(pair: Pair, bise: RunningBise) -> None:
    pair.exchange(sends(pair, 100))
    ports, workers = bise.ask("ports"), bise.ask("status")["workers"]
    received = sum(port["received"] for port in ports)
    assert received == sum(worker["packets"] for worker in workers)
    sinks = sum(each["packets"] for verb in ("drops", "punts") for each in bise.ask(verb))
    assert received == sinks + sum(port["transmitted"] for port in ports)


@pytest.mark.ways(HANDING_OVER)
def test_packets_are_handed_over(pair: Pair, bise: RunningBise) -> None:
    pair.exchange(sends(pair, 100))
    assert all(port["queues"] == 1 and port["spread"] for port in bise.ask("ports"))
    assert all(worker["handed"] > 0 for worker in bise.ask("status")["workers"])


@pytest.mark.ways(NODES)
def test_users_nodes_see_what_comes(pair: Pair, bise: RunningBise) -> None:
    pair.exchange(sends(pair, 7))
    (file,) = bise.ask("nodes")
    assert all(node["behind"] for node in file["nodes"])
    assert sum(file["state"]["State.seen"]) > 140


@pytest.mark.ways(SWAPS)
def test_users_nodes_come_and_go_meanwhile(pair: Pair) -> None:
    assert pair.swaps is not None
    before = pair.swaps.count
    for _ in range(40):
        assert pair.agree("c", [ip4() / udp(), ip6() / udp()])["s"]
    assert pair.swaps.count - before >= 5
