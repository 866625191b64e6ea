"""Several next hops: with a common seed both routers choose the same one; without, each flow stays on one path."""

import ipaddress
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig
from scapy.packet import Packet

from tests.features.nexthop import traffic
from tests.namespaces import CLIENT
from tests.oracle.network import Network
from tests.oracle.packets import framed, ip4, ip6, to_length, udp
from tests.oracle.pair import Pair, octets
from tests.oracle.peer import internet_checksum

pytestmark = pytest.mark.root

ROUTES = {
    "equal": ["nexthop via 10.0.2.2", "nexthop via 10.0.3.2"],
    "weighted": ["nexthop via 10.0.2.2 weight 1", "nexthop via 10.0.3.2 weight 3"],
    "three": ["nexthop via 10.0.2.2 weight 2", "nexthop via 10.0.3.2 weight 5", "nexthop via 10.0.1.2 weight 1"],
    "much the same": ["nexthop via 10.0.2.2 weight 255", "nexthop via 10.0.3.2 weight 256"],
}
TARGET4, TARGET6 = "77.1.2.0/24", "2a00:77::/32"
SEED = {"net/ipv4/fib_multipath_hash_seed": 0x5EED}
POLICIES = {"addresses": 0, "ports": 1, "inner": 2, "fields": 3}
FIELDS = {"all": 0x3F, "from and port": 0x15, "labels and targets": 0xA, "inner too": 0xFC7}
FAMILIES = ("ipv4", "ipv6")
# The verbs of `ip route` and the port that they lead to.
APPENDED = [("add", 2), ("append", 3), ("append", 1), ("del", 2), ("append", 2)]


def hashing(policy: str) -> dict[str, int | str]:
    return {f"net/{family}/fib_multipath_hash_policy": POLICIES[policy] for family in FAMILIES}


def lines_of(name: str) -> list[str]:
    hops = ROUTES[name]
    hops6 = [hop.replace("10.0.", "2001:db8:").replace(".2", "::2", 1) for hop in hops]
    return [f"route add {TARGET4} {' '.join(hops)}", f"route add {TARGET6} {' '.join(hops6)}"]


def built(packets: Iterator[Packet]) -> list[bytes]:
    return [octets(CLIENT, packet) for packet in packets]


def flows() -> Iterator[Packet]:
    for number in range(120):
        source4, target4 = f"10.1.1.{number + 1}", f"77.1.2.{number * 2 + 1}"
        source6, target6 = f"2001:db8:101::{number:x}", f"2a00:77::{number * 7:x}"
        transport = (UDP if number % 2 else TCP)(sport=1000 + number, dport=53 + number % 5)
        yield ip4(target4, source4, tos=number & 0x1C) / transport / b"payload"
        yield ip6(target6, source6, fl=number * 31) / transport / b"payload"
        yield ip4(target4, source4, proto=47) / bytes(20)


def odd_flows() -> Iterator[Packet]:
    """Flows whose ports are not where they seem to be: fragments, errors about flows, extension headers, no payload."""
    for number in range(40):
        target4, target6 = f"77.1.2.{number + 1}", f"2a00:77::{number:x}"
        yield ip4(target4, flags="MF", id=number) / udp(b"x" * 16)
        yield ip4(target4, frag=5, id=number) / udp(b"x" * 16)
        yield ip4(target4) / ICMP(type=3, code=4) / ip4("10.1.1.9", f"77.1.2.{number + 9}") / udp()
        yield ip4(target4) / ICMP(id=number)
        yield ip4(target4, proto=17)
        yield ip6(target6, nh=44) / (b"\x11\0\0\x01" + bytes(4)) / udp(b"x" * 16)
        yield ip6(target6, fl=number) / ICMPv6PacketTooBig() / ip6("2001:db8:101::9", f"2a00:77::{number + 9}") / udp()
        yield ip6(target6, nh=17)
        yield to_length(ip4(target4) / udp(), 1420)


def random_flows() -> Iterator[bytes]:
    for number in range(500):
        chance, last = Random(number), number % 250 + 1
        version, kind = (4, 0x0800) if number % 2 else (6, 0x86DD)
        fronts = ("10.1.1.", "77.1.2.") if version == 4 else ("2001:db8:101::", "2a00:77::")
        source, target = (ipaddress.ip_address(f"{front}{last}").packed for front in fronts)
        yield framed(CLIENT, traffic.packet(chance, version, source, target), kind)


FLOWS, ODD_FLOWS, RANDOM_FLOWS = built(flows()), built(odd_flows()), list(random_flows())
FLOWS4, FLOWS6 = ([flow for flow in FLOWS if flow[14] >> 4 == version] for version in (4, 6))


def left_to_linux(pair: Pair) -> int:
    """How many packets Bise let Linux choose a path for."""
    punts = pair.bise.ask("punts") if pair.bise else []
    return sum(punt["packets"] for punt in punts if punt["reason"] in ("ipv4.multipath", "ipv6.multipath"))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ROUTES)
def test_with_a_common_seed_both_choose_the_same_path(pair: Pair, name: str, policy: str) -> None:
    with pair.sysctls({**SEED, **hashing(policy)}), pair.configured(*lines_of(name)):
        before = left_to_linux(pair)
        outputs = pair.agree("c", FLOWS)
        assert outputs["s"]
        assert outputs["t"]
        pair.agree("c", ODD_FLOWS)
        assert policy == "inner" or left_to_linux(pair) == before


@pytest.mark.parametrize("seed", [1, 0xFFFFFFFF])
@pytest.mark.parametrize("policy", ["addresses", "ports", "inner", *FIELDS])
def test_with_a_common_seed_any_flow_has_the_same_path(pair: Pair, policy: str, seed: int) -> None:
    fields = {f"net/{family}/fib_multipath_hash_fields": FIELDS[policy] for family in FAMILIES if policy in FIELDS}
    settings = {"net/ipv4/fib_multipath_hash_seed": seed, **hashing("fields" if fields else policy), **fields}
    with pair.sysctls(settings), pair.configured(*lines_of("three")):
        outputs = pair.agree("c", RANDOM_FLOWS)
        assert all(len(outputs[port]) > 20 for port in ("s", "t"))


GROUPS = ["group 71,1/72,3", "group 71/72/73", "group 73,30/71,100/72,5", "group 71/72 type resilient buckets 32"]
OBJECTS = [f"nexthop add id {71 + number} via 10.0.{via} dev {'t' if number == 1 else 's'}"
           for number, via in enumerate(("2.2", "3.2", "2.3"))]  # fmt: skip
THIRD = "neighbour add 10.0.2.3 lladdr 02:00:00:00:02:03 dev s nud permanent"
THIRD_MAC = bytes.fromhex("020000000203")


@pytest.mark.parametrize("policy", ["addresses", "ports"])
@pytest.mark.parametrize("kind", GROUPS)
def test_groups_of_next_hop_objects_are_walked_alike(pair: Pair, kind: str, policy: str) -> None:
    lines = [THIRD, *OBJECTS, f"nexthop add id 79 {kind}", f"route add {TARGET4} nhid 79"]
    with pair.sysctls({**SEED, **hashing(policy)}), pair.configured(*lines):
        outputs = pair.agree("c", FLOWS4)
        assert outputs["s"]
        assert outputs["t"]


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_of_ipv6_next_hop_objects_are_walked_alike(pair: Pair, kind: str) -> None:
    lines = [line.replace("10.0.", "2001:db8:").replace(".", "::") for line in (THIRD, *OBJECTS)]
    lines += [f"nexthop add id 79 {kind}", f"route add {TARGET6} nhid 79"]
    with pair.sysctls({**SEED, **hashing("ports")}), pair.configured(*lines):
        outputs = pair.agree("c", FLOWS6)
        assert outputs["s"]
        assert outputs["t"]


@pytest.mark.parametrize("use_neigh", [0, 1])
@pytest.mark.parametrize("objects", [True, False])
def test_neighbours_asked_in_vain_are_passed_over_alike(pair: Pair, objects: bool, use_neigh: int) -> None:
    """Linux always asks after the neighbours of next-hop objects, and after those of plain routes where told to."""
    group = ["nexthop add id 79 group 71,2/73,5/72,1", f"route add {TARGET4} nhid 79"]
    plain = "nexthop via 10.0.2.2 weight 2 nexthop via 10.0.2.3 weight 5 nexthop via 10.0.3.2 weight 1"
    lines = [THIRD, *OBJECTS, *group] if objects else [THIRD, f"route add {TARGET4} {plain}"]
    settings = {**SEED, **hashing("ports"), "net/ipv4/fib_multipath_use_neigh": use_neigh}
    with pair.sysctls(settings), pair.configured(*lines):
        assert any(packet[:6] == THIRD_MAC for packet in pair.agree("c", FLOWS4)["s"])
        with pair.commanded(
            "ip neighbour change 10.0.2.3 dev s nud failed", f"ip {THIRD.replace(' add ', ' replace ')}"
        ):
            outputs = pair.agree("c", FLOWS4)
            assert not any(packet[:6] == THIRD_MAC for packet in outputs["s"])
            all_went = len(outputs["s"]) + len(outputs["t"]) == len(FLOWS4)
            assert all_went == bool(objects or use_neigh)
        assert any(packet[:6] == THIRD_MAC for packet in pair.agree("c", FLOWS4)["s"])


def test_paths_that_came_one_by_one_stand_in_the_same_order(pair: Pair) -> None:
    lines = [f"route {verb} {TARGET6} via 2001:db8:{port}::2 metric 7" for verb, port in APPENDED]
    with pair.sysctls({**SEED, **hashing("ports")}), pair.configured(*lines, undo=[f"route del {TARGET6} metric 7"]):
        outputs = pair.agree("c", FLOWS6)
        assert all(outputs[port] for port in ("c", "s", "t"))


SHARES = {"equal": (1, 1), "weighted": (1, 3), "three": (2, 5, 1), "much the same": (255, 256)}
GATEWAYS = {"10.0.2.2": "020000000202", "10.0.3.2": "020000000302", "10.0.2.3": "020000000203"}


def many_flows() -> Iterator[bytes]:
    front = bytes(ip4("77.1.2.1", "10.1.1.1", ttl=64) / udp(b"payload!", chksum=0))
    for number in range(1000):
        source, target = bytes([10, 1, 1, 1 + number % 250]), bytes([77, 1, 2, 1 + number // 4])
        header = bytearray(front[:10] + bytes(2) + source + target)
        header[10:12] = internet_checksum(bytes(header)).to_bytes(2, "big")
        yield framed(CLIENT, bytes(header) + front[20:])


MANY_FLOWS = list(many_flows())
_FEW = 50


def paths_taken(pair: Pair, network: Network) -> dict[bytes, Counter[str]]:
    """For each flow how often it went to which MAC."""
    taken = defaultdict[bytes, Counter[str]](Counter)
    for start in range(0, len(MANY_FLOWS), _FEW):
        some = MANY_FLOWS[start : start + _FEW]
        outputs = pair.undisturbed(network, [("c", packet) for packet in some * 2])
        for packet in itertools.chain(*outputs.values()):
            if packet[12:14] == b"\x08\x00" and packet[30] == 77:
                taken[packet[26:38]][packet[:6].hex()] += 1
    return taken


@pytest.mark.parametrize("policy", ["addresses", "ports"])
@pytest.mark.parametrize("name", SHARES)
def test_without_a_seed_each_flow_has_one_path_and_each_path_its_share(pair: Pair, name: str, policy: str) -> None:
    weights = dict(zip(GATEWAYS, SHARES[name], strict=False))
    hops = " ".join(f"nexthop via {gateway} weight {weight}" for gateway, weight in weights.items())
    with pair.sysctls(hashing(policy)), pair.configured(THIRD, f"route add {TARGET4} {hops}"):
        for network in pair.networks:
            taken = paths_taken(pair, network)
            assert len(taken) == len(MANY_FLOWS)
            assert {flow.hex(): paths for flow, paths in taken.items() if list(paths.values()) != [2]} == {}
            counts = sum(taken.values(), Counter())
            for gateway, weight in weights.items():
                share = counts[GATEWAYS[gateway]] / counts.total()
                assert abs(share - weight / sum(weights.values())) < 0.075, counts
