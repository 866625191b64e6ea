"""Routes of every kind, and routes that come, change and go: what the table says is what both do."""

import random
from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6ND_Redirect
from scapy.layers.l2 import Ether

from tests.oracle.addresses import DESTINATIONS4, DESTINATIONS6, SERVER4, SERVER6
from tests.oracle.packets import ip4, ip6, udp
from tests.oracle.pair import Pair, octets

pytestmark = pytest.mark.root

TO_ALL = [ip4(address) / udp() for address in DESTINATIONS4] + [ip6(address) / udp() for address in DESTINATIONS6]

# What a sender hears: ICMP type and code, for IPv4 and IPv6, of a route of this kind.
REFUSALS = {
    "blackhole": ("192.0.2.5", None, "2001:db8:e000::5", None),
    "unreachable": ("192.0.2.21", (3, 1), "2001:db8:e001::5", (1, 0)),
    "prohibit": ("192.0.2.37", (3, 13), "2001:db8:e002::5", (1, 1)),
    "throw": ("192.0.2.53", (3, 0), "2001:db8:e003::5", (1, 0)),
    "no route": ("8.8.8.8", (3, 0), "2606::1", (1, 0)),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusing_route_refuses_alike(pair: Pair, kind: str) -> None:
    address4, expected4, address6, expected6 = REFUSALS[kind]
    outputs = pair.agree("c", [ip4(address4) / udp(), ip6(address6) / udp()])
    answers = [Ether(packet) for packet in outputs["c"]]
    heard4 = [(answer[ICMP].type, answer[ICMP].code) for answer in answers if ICMP in answer]
    heard6 = [
        (answer[ICMPv6DestUnreach].type, answer[ICMPv6DestUnreach].code)
        for answer in answers
        if ICMPv6DestUnreach in answer
    ]
    assert (heard4, heard6) == ([expected4] if expected4 else [], [expected6] if expected6 else [])
    assert not outputs["s"]


@pytest.mark.parametrize("prefix", range(33))
def test_the_longest_prefix_wins_at_every_ipv4_length(pair: Pair, prefix: int) -> None:
    mask = (1 << 32) - (1 << (32 - prefix))
    network = int(IPv4Address("77.88.99.111")) & mask
    inside = [network, network | (~mask & 0xFFFFFFFF), network | 1]
    outside = [(network - 1) & 0xFFFFFFFF, (network + (1 << (32 - prefix))) & 0xFFFFFFFF]
    packets = [ip4(str(IPv4Address(address))) / udp() for address in inside + outside]
    with pair.configured(f"route add {IPv4Address(network)}/{prefix} via 10.0.2.2 metric 5"):
        assert pair.agree("c", packets)["s"]
    assert pair.agree("c", packets).packets == len(packets)


@pytest.mark.parametrize("prefix", [0, 1, 3, 7, 8, 16, 31, 32, 33, 47, 48, 56, 63, 64, 65, 80, 96, 112, 126, 127, 128])
def test_the_longest_prefix_wins_at_every_ipv6_length(pair: Pair, prefix: int) -> None:
    size = 1 << (128 - prefix)
    network = int(IPv6Address("2a00:1234:5678:9abc:def0:1234:5678:9abd")) // size * size
    addresses = [network, network + size - 1, network + 1, network - 1, network + size]
    packets = [ip6(str(IPv6Address(address % (1 << 128)))) / udp() for address in addresses]
    with pair.configured(f"route add {IPv6Address(network)}/{prefix} via 2001:db8:2::2 metric 5"):
        assert pair.agree("c", packets)["s"]
    assert pair.agree("c", packets).packets == len(packets)


def test_random_tables_are_read_alike(pair: Pair) -> None:
    chance = random.Random(7)
    hosts = ("10.0.1.2", "10.0.2.2", "10.0.3.2")
    routes: dict[str, str] = {}
    for _ in range(300):
        prefix = chance.randrange(9, 33)
        address = 77 << 24 | chance.getrandbits(12) << 12 | chance.getrandbits(4) << 6
        network = address >> (32 - prefix) << (32 - prefix)
        kind = chance.choice(["via", "via", "via", "blackhole", "unreachable", "prohibit", "throw"])
        target = f"{IPv4Address(network)}/{prefix}"
        routes[target] = f"{target} via {chance.choice(hosts)}" if kind == "via" else f"{kind} {target}"
    aims = [ip4(str(IPv4Address(77 << 24 | chance.getrandbits(12) << 12 | chance.getrandbits(12)))) for _ in range(400)]
    with pair.configured(*(f"route add {route}" for route in routes.values())):
        outputs = pair.agree("c", [aim / udp() for aim in aims])
    assert all(len(packets) > 10 for packets in outputs.values())


CHANGES = {
    "another next hop": (["route replace 10.1.2.0/24 via 10.0.3.2"], ["route replace 10.1.2.0/24 via 10.0.2.2"]),
    "a blackhole": (["route add blackhole 10.1.2.9/32"], ["route del blackhole 10.1.2.9/32"]),
    "a better metric": (
        ["route add 192.0.2.128/28 via 10.0.1.2 metric 5"],
        ["route del 192.0.2.128/28 via 10.0.1.2 metric 5"],
    ),
    "a nested prefix": (["route add 10.1.2.8/29 via 10.0.3.2"], ["route del 10.1.2.8/29"]),
    "a default route": (["route add default via 10.0.2.2"], ["route del default"]),
    "a default that refuses": (["route add prohibit default"], ["route del prohibit default"]),
    "a next-hop object elsewhere": (
        ["nexthop replace id 40 via 10.0.3.2 dev t"],
        ["nexthop replace id 40 via 10.0.2.2 dev s"],
    ),
    "an address of our own": (["address add 10.1.2.9/32 dev s"], ["address del 10.1.2.9/32 dev s"]),
    "an address on the loopback": (["address add 198.51.100.5/32 dev lo"], ["address del 198.51.100.5/32 dev lo"]),
    "a network on a port": (["address add 8.8.8.1/24 dev s"], ["address del 8.8.8.1/24 dev s"]),
    "a local route": (["route add local 198.51.100.5 dev lo"], ["route del local 198.51.100.5 dev lo"]),
    "IPv6, another next hop": (
        ["route replace 2001:db8:f000::/48 via 2001:db8:3::2"],
        ["route replace 2001:db8:f000::/48 via 2001:db8:2::2"],
    ),
    "IPv6, a default route": (["route add ::/0 via 2001:db8:2::2"], ["route del ::/0"]),
    "IPv6, an address of our own": (
        ["address add 2001:db8:102::9/128 dev s nodad"],
        ["address del 2001:db8:102::9/128 dev s"],
    ),
    "IPv6, a route gone": (["route del 2001:db8:f000::/48"], ["route add 2001:db8:f000::/48 via 2001:db8:2::2"]),
    "a neighbour elsewhere": (
        ["neighbour replace 10.0.2.2 lladdr 02:00:00:00:02:77 dev s nud permanent"],
        ["neighbour replace 10.0.2.2 lladdr 02:00:00:00:02:02 dev s nud permanent"],
    ),
    "IPv6, a neighbour elsewhere": (
        ["neighbour replace 2001:db8:2::2 lladdr 02:00:00:00:02:77 dev s nud permanent"],
        ["neighbour replace 2001:db8:2::2 lladdr 02:00:00:00:02:02 dev s nud permanent"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_followed_and_undone_alike(pair: Pair, change: str) -> None:
    lines, undo = CHANGES[change]
    before = pair.agree("c", TO_ALL)
    with pair.configured(*lines, undo=undo):
        during = pair.agree("c", TO_ALL)
    after = pair.agree("c", TO_ALL)
    assert {port: len(packets) for port, packets in before.items()} == {p: len(after[p]) for p in after}
    assert during != before


REDIRECTING = {f"net/ipv4/conf/{port}/send_redirects": 1 for port in ("all", "c")}
BACK_TO_THE_CLIENT = "198.51.100.129"


def test_a_packet_out_by_the_port_it_came_in_is_redirected_alike(pair: Pair) -> None:
    """Each source hears of it a few times only, and at growing intervals; so each router gets one packet."""
    with pair.sysctls(REDIRECTING):
        outputs = pair.agree("c", [ip4(BACK_TO_THE_CLIENT, "10.0.1.2") / udp()])
    kinds = [Ether(packet)[ICMP].type for packet in outputs["c"] if Ether(packet).haslayer(ICMP)]
    assert kinds == [5]
    assert len(outputs["c"]) == 2


@pytest.mark.parametrize("setting", ["send_redirects", "shared_media"])
def test_redirects_follow_their_settings_alike(pair: Pair, setting: str) -> None:
    with pair.sysctls({**REDIRECTING, **{f"net/ipv4/conf/{port}/{setting}": 0 for port in ("all", "c")}}):
        assert pair.agree("c", [ip4(BACK_TO_THE_CLIENT, "10.1.1.78") / udp()])["c"]


def test_an_ipv6_packet_out_by_the_port_it_came_in_is_redirected_by_both(pair: Pair) -> None:
    packet = octets(pair.port("c"), ip6("2001:db8:f000::2", "2001:db8:1::2") / udp())
    lines = [
        "neighbour add fe80::77 lladdr 02:00:00:00:01:77 dev c nud permanent",
        "route add 2001:db8:f000::2/128 via fe80::77 dev c",
    ]
    with pair.configured(*lines):
        for outputs in pair.exchange([("c", packet)]):
            answers = [Ether(answer) for answer in outputs["c"]]
            redirects = [answer for answer in answers if answer.haslayer(ICMPv6ND_Redirect)]
            forwarded = [answer for answer in answers if answer.dst == "02:00:00:00:01:77"]
            assert (len(redirects), len(forwarded)) == (1, 1)


def test_a_rule_of_policy_routing_acts_alike(pair: Pair) -> None:
    packets = [ip4(SERVER4, source) / udp() for source in ("10.1.1.77", "10.1.1.78")]
    with (
        pair.configured("route add default via 10.0.3.2 table 100"),
        pair.commanded("ip rule add from 10.1.1.77 lookup 100", "ip rule del from 10.1.1.77 lookup 100"),
    ):
        outputs = pair.agree("c", packets)
        assert [len(outputs[port]) for port in "st"] == [1, 1]
    assert len(pair.agree("c", packets)["s"]) == 2


def test_an_ipv6_rule_of_policy_routing_acts_alike(pair: Pair) -> None:
    packets = [ip6(SERVER6, source) / udp() for source in ("2001:db8:101::77", "2001:db8:101::78")]
    rule = "from 2001:db8:101::77 blackhole"
    with pair.commanded(f"ip -6 rule add {rule}", f"ip -6 rule del {rule}"):
        assert len(pair.agree("c", packets)["s"]) == 1
    assert len(pair.agree("c", packets)["s"]) == 2
