"""The oracle notices a router that is wrong, whatever is wrong with it: what it never objects to proves nothing."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.packet import Packet

from tests.oracle.compare import differences
from tests.oracle.conftest import PORTS
from tests.oracle.packets import ip4, ip6, to_length, udp
from tests.oracle.pair import Differs, Pair
from tests.oracle.peer import Lost
from tests.oracle.routes import STANDARD
from tests.oracle.ways import ALL, KERNEL, MAIN, OTHERS, Way, goes, paired

pytestmark = pytest.mark.root


@pytest.fixture
def kernels() -> Iterator[Pair]:
    with paired(KERNEL, PORTS, STANDARD) as pair:
        pair.kernel.patience_s = pair.other.patience_s = 0.5
        yield pair


ORDINARY = [ip4() / udp(), ip6() / udp(), ip4("198.51.100.200") / udp(), ip4(ttl=1) / udp(), ip6(hlim=1) / udp()]

# What is wrong with the other router, and packets that show it.
WRONGS: dict[str, tuple[str, list[Packet]]] = {
    "a route is missing": ("ip route del 198.51.100.128/25", ORDINARY),
    "a route too many": ("ip route add 10.1.2.9 via 10.0.3.2", ORDINARY),
    "a wrong neighbour": ("ip neighbour change 10.0.2.2 lladdr 02:00:00:00:02:03 dev s", ORDINARY),
    "a larger MTU": ("ip link set dev t mtu 1450", [to_length(ip4("10.1.3.9") / udp(), 1420)]),
    "a strict source check": ("sysctl net.ipv4.conf.all.rp_filter=1", [ip4(source="10.1.3.8") / udp()]),
    "another source address": ("ip link set dev s address 02:00:00:00:02:07", ORDINARY),
}
# The same, done by a rule of nft in the forward chain.
RULES: dict[str, tuple[str, list[Packet]]] = {
    "drops of one port": ("udp dport 4001 drop", ORDINARY),
    "drops of every third packet": ("udp dport 4001 numgen inc mod 3 == 1 drop", [ip4() / udp()] * 9),
    "the TTL left as it was": ("ip ttl set 64", ORDINARY),
    "the hop limit left as it was": ("ip6 hoplimit set 64", ORDINARY),
    "another DSCP": ("ip dscp set 7", ORDINARY),
    "a changed payload": ("udp dport 4001 udp dport set 4002", ORDINARY),
    "two packets for one": ("udp dport 4001 ip version 4 dup to 10.0.3.2 device t", ORDINARY),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_wrong_configuration_is_noticed(kernels: Pair, wrong: str) -> None:
    breaking, packets = WRONGS[wrong]
    kernels.agree("c", packets)
    kernels.other.topology.router.run(*breaking.split())
    with pytest.raises((Differs, Lost)):
        kernels.agree("c", packets)


@pytest.mark.parametrize("wrong", RULES)
def test_wrong_packets_are_noticed(kernels: Pair, wrong: str) -> None:
    rule, packets = RULES[wrong]
    family = "ip" if "dup" in rule else "inet"
    kernels.other.topology.router.run(
        "nft", f"table {family} wrong {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}"
    )
    with pytest.raises(Differs):
        kernels.agree("c", packets)


def test_the_packets_to_blame_are_named(kernels: Pair) -> None:
    kernels.other.topology.router.ip("route add blackhole 10.1.2.66")
    with pytest.raises(Differs) as caught:
        kernels.agree("c", [ip4(f"10.1.2.{host}") / udp() for host in range(50, 80)])
    assert re.findall(r"into c: .* > 10\.1\.2\.(\d+):", str(caught.value)) == ["66"]


@pytest.mark.parametrize(("name", "wrong"), [("ip_forward", 0), ("icmp_ratelimit", 100_000)])
def test_a_router_that_says_nothing_is_noticed(kernels: Pair, name: str, wrong: int) -> None:
    kernels.other.topology.router.sysctl({f"net/ipv4/{name}": wrong})
    with pytest.raises(Lost, match="never came out"):
        kernels.agree("c", ORDINARY)


def case_of(way: Way, case: int) -> Any:
    """What pytest makes of a case of a test."""
    of_both = SimpleNamespace(params={"way": way}, indices={"way": 0, "case": case})
    return SimpleNamespace(name=f"test[{way}-{case}]", callspec=of_both, get_closest_marker=lambda _: None)


@pytest.mark.parametrize("case", range(5))
def test_draws_in_a_row_are_every_way_once(case: int) -> None:
    went = {way: [number for number in range(len(OTHERS)) if goes(case_of(way, case), str(number))] for way in ALL}
    assert [went[way] for way in MAIN] == [[0, 1, 2, 3]] * 2
    assert sorted(number for way in OTHERS for number in went[way]) == [0, 1, 2, 3]
    assert all(goes(case_of(way, case), "all") for way in ALL)


def test_the_cases_of_a_test_go_different_ways() -> None:
    assert len({way for way in OTHERS for case in range(len(OTHERS)) if goes(case_of(way, case), "0")}) == len(OTHERS)


def test_a_wrong_header_checksum_of_the_router_itself_is_not_hidden() -> None:
    first, second = (
        bytes(12) + b"\x08\x00" + bytes(IP(src="10.0.1.1", dst="10.1.1.9", id=number, chksum=1) / ICMP())
        for number in (7, 8)
    )
    assert differences({"c": [first]}, {"c": [second]})
