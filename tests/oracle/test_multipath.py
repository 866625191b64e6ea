"""Several next hops: with a common seed both routers choose the same one; without, each flow stays on one path."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig
from scapy.packet import Packet

from tests.namespaces import CLIENT
from tests.oracle.packets import ip4, ip6, to_length, udp
from tests.oracle.pair import Pair, octets

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


def hashing(policy: str) -> dict[str, int | str]:
    return {f"net/{family}/fib_multipath_hash_policy": POLICIES[policy] for family in ("ipv4", "ipv6")}


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


FLOWS, ODD_FLOWS = built(flows()), built(odd_flows())


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ROUTES)
def test_with_a_common_seed_both_choose_the_same_path(pair: Pair, name: str, policy: str) -> None:
    with pair.sysctls({**SEED, **hashing(policy)}), pair.configured(*lines_of(name)):
        outputs = pair.agree("c", FLOWS)
        assert outputs["s"]
        assert outputs["t"]
        pair.agree("c", ODD_FLOWS)


@pytest.mark.parametrize("kind", ["group 71,1/72,3", "group 71/72 type resilient buckets 32"])
def test_groups_of_next_hop_objects_are_walked_alike(pair: Pair, kind: str) -> None:
    lines = [
        "nexthop add id 71 via 10.0.2.2 dev s",
        "nexthop add id 72 via 10.0.3.2 dev t",
        f"nexthop add id 73 {kind}",
        f"route add {TARGET4} nhid 73",
    ]
    with pair.sysctls({**SEED, **hashing("ports")}), pair.configured(*lines):
        outputs = pair.agree("c", [flow for flow in FLOWS if flow[12:14] == b"\x08\x00"])
        assert outputs["s"]
        assert outputs["t"]


def weights(name: str) -> list[float]:
    return [float(hop.rpartition(" ")[2]) for hop in ROUTES[name]]


def many_flows() -> Iterator[bytes]:
    front = bytes(ip4("77.1.2.1", "10.1.1.1", ttl=64) / udp(b"payload!", chksum=0))
    for number in range(1000):
        source, target = bytes([10, 1, 1, 1 + number % 250]), bytes([77, 1, 2, 1 + number // 4])
        header = bytearray(front[:12] + source + target)
        header[10:12] = bytes(2)
        total = sum(int.from_bytes(header[place : place + 2], "big") for place in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        header[10:12] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
        yield b"\x02\0\0\0\x01\x01\x02\0\0\0\x01\x02\x08\0" + bytes(header) + front[20:]


MANY_FLOWS = list(many_flows())


@pytest.mark.parametrize("policy", ["addresses", "ports"])
@pytest.mark.parametrize("name", ROUTES)
def test_without_a_seed_each_flow_has_one_path_and_each_path_its_share(pair: Pair, name: str, policy: str) -> None:
    shares = {"s": 1.0, "t": 1.0} if name == "equal" else dict(zip("stc", weights(name), strict=False))
    with pair.sysctls(hashing(policy)), pair.configured(*lines_of(name)):
        for network in pair.networks:
            paths: defaultdict[bytes, set[str]] = defaultdict(set)
            counts: Counter[str] = Counter()
            for port, arrived in network.exchange([("c", packet) for packet in MANY_FLOWS * 2]).items():
                for packet in arrived:
                    if packet[12:14] == b"\x08\x00" and packet[30] == 77:
                        paths[packet[26:38]].add(port)
                        counts[port] += 1
            assert all(len(ports) == 1 for ports in paths.values())
            assert counts.total() == 2 * len(MANY_FLOWS)
            for port, share in shares.items():
                expected = share / sum(shares.values())
                assert abs(counts[port] / counts.total() - expected) < 0.06, counts
