"""Addresses, routes, links and ports that go away while the router runs. Each test has routers of its own."""

import time

import pytest
from scapy.layers.inet import UDP

from tests.oracle.conftest import PORTS
from tests.oracle.forwarders import FOLLOWS_WITHIN_S
from tests.oracle.packets import ip4, ip6, to_length, udp
from tests.oracle.pair import Pair
from tests.oracle.stream import Stream

pytestmark = pytest.mark.root

TO_SERVER = [ip4() / udp(), ip6() / udp(), ip4("10.0.2.2") / udp(), ip4("198.51.100.5") / udp(), ip4(ttl=1) / udp()]
TO_THIRD = [ip4("10.1.3.9") / udp(), ip6("2001:db8:103::9") / udp()]


def change(pair: Pair, *lines: str) -> None:
    for network in pair.networks:
        network.topology.router.ip(*lines)
    pair.changed()


def back_again(name: str) -> list[str]:
    """What a port loses with its address or its link."""
    (port,) = (port for port in PORTS if port.name == name)
    return [
        f"address replace {port.router4}/24 dev {name}",
        f"address replace {port.router6}/64 dev {name} nodad",
        *(f"neighbour replace {host} lladdr {port.host_mac} dev {name}" for host in (port.host4, port.host6)),
        *(line.replace("add", "replace") for line in port.routes),
    ]


def test_an_address_that_goes_takes_its_network_with_it(fresh: Pair) -> None:
    before = fresh.agree("c", TO_SERVER)
    change(fresh, "address del 10.0.2.1/24 dev s")
    during = fresh.agree("c", TO_SERVER, sentinels=False)
    assert len(during["s"]) < len(before["s"])
    change(fresh, *back_again("s"), "route add 198.51.100.0/24 via 10.0.2.2")
    assert len(fresh.agree("c", TO_SERVER)["s"]) == len(before["s"])


def test_a_link_that_goes_down_takes_its_routes_with_it(fresh: Pair) -> None:
    change(fresh, "link set dev s down")
    outputs = fresh.agree("c", TO_SERVER + TO_THIRD, sentinels=False)
    assert not outputs["s"]
    assert len(outputs["t"]) == len(TO_THIRD)
    change(fresh, "link set dev s up", *back_again("s"))
    assert fresh.agree("c", TO_SERVER + TO_THIRD)["s"]


def test_a_carrier_that_is_lost_and_found_is_followed(fresh: Pair) -> None:
    for network in fresh.networks:
        network.topology.hosts["s"].ip("link set dev s0 down")
    fresh.changed()
    fresh.agree("c", TO_SERVER + TO_THIRD, sentinels=False)
    for network in fresh.networks:
        network.topology.hosts["s"].ip("link set dev s0 up", "link set dev s0 arp off")
    fresh.changed()
    assert fresh.agree("c", TO_SERVER + TO_THIRD, sentinels=False)["s"]


def test_the_other_ports_go_on_when_one_vanishes(fresh: Pair) -> None:
    change(fresh, "link del s")
    outputs = fresh.agree("c", TO_SERVER + TO_THIRD, sentinels=False)
    assert len(outputs["t"]) == len(TO_THIRD)


def test_ipv6_goes_where_the_mtu_falls_below_its_least(fresh: Pair) -> None:
    change(fresh, "link set dev s mtu 1000")
    sizes = (999, 1000, 1001)
    packets = [to_length(ip4(flags=flags) / udp(b""), size) for size in sizes for flags in ("", "DF")]
    assert fresh.agree("c", [*packets, ip6() / udp()], sentinels=False).packets == 7


def test_nothing_is_forwarded_by_routes_that_a_link_took_with_it(fresh: Pair) -> None:
    """Linux does not announce that the IPv4 routes of a link that goes down are gone."""
    router = fresh.other.topology.router
    with Stream(fresh.other, "c", ip4() / UDP(sport=4000, dport=4001)) as stream:
        stream.wait_until_flowing(time.monotonic())
        router.ip("route add 10.1.2.0/24 via 10.0.3.2 metric 500")
        router.ip("link set dev s down")
        down = stream.pass_time(FOLLOWS_WITHIN_S)
        stream.wait_until_flowing(down)  # by way of the third port
        router.ip("link set dev t down")
        closed_from = stream.pass_time(FOLLOWS_WITHIN_S)
        closed_until = stream.pass_time(FOLLOWS_WITHIN_S)
    assert not stream.sent_between(closed_from, closed_until) & stream.arrived()


@pytest.mark.parametrize(
    "gone", ["route del 10.1.2.0/24", "address del 10.0.2.1/24 dev s", "neighbour del 10.0.2.2 dev s"]
)
def test_what_is_taken_away_under_traffic_is_no_longer_used(fresh: Pair, gone: str) -> None:
    router = fresh.other.topology.router
    with Stream(fresh.other, "c", ip4() / UDP(sport=4000, dport=4001)) as stream:
        stream.wait_until_flowing(time.monotonic())
        router.ip(gone)
        closed_from = stream.pass_time(FOLLOWS_WITHIN_S)
        closed_until = stream.pass_time(FOLLOWS_WITHIN_S)
    assert not stream.sent_between(closed_from, closed_until) & stream.arrived()
