"""Hosts that are really there: found when first needed, followed when they move, missed when they go."""

import time
from collections.abc import Callable

import pytest
from scapy.layers.inet import ICMP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.namespaces import SERVER
from tests.oracle.compare import provoked
from tests.oracle.forwarders import FOLLOWS_WITHIN_S
from tests.oracle.network import Network
from tests.oracle.packets import ip4, ip6, udp
from tests.oracle.pair import Pair, octets
from tests.oracle.stream import Stream

pytestmark = pytest.mark.root

MANY = [ip4() / udp(bytes([number])) for number in range(20)] + [ip6() / udp(bytes([number])) for number in range(20)]


def test_hosts_already_known_are_reached_by_both(living_pair: Pair) -> None:
    living_pair.agree("c", MANY)
    assert len(living_pair.agree("c", MANY)["s"]) == len(MANY)


@pytest.mark.parametrize("round_", range(3))
def test_the_first_packets_wait_for_a_host_to_be_found(living_pair: Pair, round_: int) -> None:
    living_pair.run("ip neighbour flush dev s")
    outputs = living_pair.agree("c", [ip4() / udp(b"first"), ip6() / udp(b"first")])
    assert len(outputs["s"]) == 2


def test_packets_of_one_flow_stay_in_order_while_a_host_is_found(living_pair: Pair) -> None:
    living_pair.run("ip neighbour flush dev s")
    packets = [octets(living_pair.port("c"), ip4() / udp(bytes([number]))) for number in range(40)]
    for outputs in living_pair.exchange([("c", packet) for packet in packets]):
        assert [packet[-1] for packet in provoked(outputs["s"])] == list(range(40))


def wait_for(network: Network, packet: bytes, port: str, wanted: Callable[[Packet], bool]) -> Packet:
    """Send `packet`, and wait for what is wanted at `port`; it may take as long as Linux tries to find a host."""
    network.peers["c"].send([packet])
    given_up = time.monotonic() + 5
    while time.monotonic() < given_up:
        for arrived in network.peers[port].receive():
            if wanted(Ether(arrived)):
                return Ether(arrived)
    raise AssertionError(f"never answered: {Ether(packet).summary()}")


@pytest.mark.parametrize(
    ("packet", "layer", "code"),
    [(ip4("10.0.2.99") / udp(), ICMP, 1), (ip6("2001:db8:2::99") / udp(), ICMPv6DestUnreach, 3)],
    ids=["IPv4", "IPv6"],
)
def test_a_host_that_is_not_there_is_unreachable(living_pair: Pair, packet: Packet, layer: type, code: int) -> None:
    quickly = {f"net/{family}/neigh/s/retrans_time_ms": 50 for family in ("ipv4", "ipv6")}
    sent = octets(living_pair.port("c"), packet)
    with living_pair.sysctls(quickly):
        answers = [
            wait_for(network, sent, "c", lambda answer: layer in answer and answer[layer].code == code)
            for network in living_pair.networks
        ]
    quoted = {bytes(answer[layer]) for answer in answers}
    assert len(quoted) == 1


def test_a_host_that_changes_its_mac_is_followed(living_pair: Pair) -> None:
    moved = "02:00:00:00:02:aa"
    try:
        rename(living_pair, moved)
        outputs = living_pair.agree("c", MANY)
        assert {Ether(packet).dst for packet in outputs["s"]} == {moved}
    finally:
        rename(living_pair, SERVER.host_mac)
    outputs = living_pair.agree("c", MANY)
    assert {Ether(packet).dst for packet in outputs["s"]} == {SERVER.host_mac}


def rename(pair: Pair, mac: str) -> None:
    """Give the server another MAC, and let it be heard of."""
    for network in pair.networks:
        host = network.topology.hosts["s"]
        host.ip(f"link set dev s0 address {mac}", f"route replace default via {SERVER.router4}")
        host.ip(f"route replace ::/0 via {SERVER.router6}")
        host.run_line(f"ping -c 1 -W 1 {SERVER.router4}")
        host.run_line(f"ping -c 1 -W 1 {SERVER.router6}")
        network.forget()
    pair.changed()


def test_a_host_that_moves_under_traffic_is_followed(living_pair: Pair) -> None:
    router = living_pair.other.topology.router
    moved = "02:00:00:00:02:bb"
    with Stream(living_pair.other, "c", ip4() / UDP(sport=4000, dport=4001)) as stream:
        stream.wait_until_flowing(time.monotonic())
        router.ip(f"neighbour replace 10.0.2.2 lladdr {moved} dev s nud permanent")
        follows = stream.pass_time(FOLLOWS_WITHIN_S)
        stream.arrived()
        stream.wait_until_flowing(follows)
        addressed = stream.addressed_since(follows)
        router.ip("neighbour del 10.0.2.2 dev s")
        stream.wait_until_flowing(stream.pass_time(FOLLOWS_WITHIN_S))
    assert addressed == {moved}


@pytest.mark.slow
def test_a_neighbour_in_use_does_not_age_out(living_pair: Pair) -> None:
    """Linux sees none of the packets that go past it, and would forget whom they go to."""
    ages = {"base_reachable_time_ms": 300, "gc_stale_time": 1, "delay_first_probe_time": 1}
    settings = {f"net/ipv4/neigh/{port}/{name}": value for port in "cs" for name, value in ages.items()}
    with (
        living_pair.sysctls(settings),
        Stream(living_pair.other, "c", ip4() / UDP(sport=4000, dport=4001)) as stream,
    ):
        stream.wait_until_flowing(time.monotonic())
        start = time.monotonic()
        end = stream.pass_time(4)
        stream.wait_until_flowing(end)
        known = living_pair.other.topology.router.run_line("ip neighbour show 10.0.2.2 dev s")
    assert not stream.sent_between(start, end) - stream.arrived()
    assert "FAILED" not in known
    assert SERVER.host_mac in known
