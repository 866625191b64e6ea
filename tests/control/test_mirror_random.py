"""Whatever `ip` does, and in whatever order: the mirror, following announcements, says what a new dump says."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bise.bench.namespaces import IpFailed
from tests.control.mirrors import WIRING, differences, mirror_in, misjudged_paths, wired

pytestmark = pytest.mark.root

LINKS = {"left": "1", "right": "2"}
PREFIXES = {
    4: ["20.0.0.0/8", "20.1.0.0/16", "10.0.1.0/24", "0.0.0.0/0"],
    6: ["2001:db8:20::/48", "2001:db8:1::/64", "::/0"],
}


def gateway(family: int, link: str, host: int) -> str:
    return f"10.0.{LINKS[link]}.{host}" if family == 4 else f"2001:db8:{LINKS[link]}::{host}"


links = st.sampled_from(sorted(LINKS))
families = st.sampled_from([4, 6])
hosts = st.integers(2, 4)
metrics = st.sampled_from(["", "metric 5", "metric 100"])
extras = st.sampled_from(["", "", "mtu 1400", "mtu lock 1300", "proto bird", "table 77", "advmss 1000"])
ways = st.sampled_from(["add", "replace", "append", "prepend", "delete", "delete"])


@st.composite
def hops(draw, family: int) -> str:
    shape = draw(st.sampled_from(["gateway", "gateway", "device", "onlink", "several", "object", "group", "other"]))
    link, host = draw(links), draw(hosts)
    if shape == "device":
        return f"dev {link}"
    if shape == "onlink":
        return f"via {'172.16.0.9' if family == 4 else 'fe80::9'} dev {link} onlink"
    if shape == "several":
        ones = draw(
            st.lists(st.tuples(links, hosts, st.integers(1, 5)), min_size=2, max_size=4, unique_by=lambda o: o[:2])
        )
        return " ".join(f"nexthop via {gateway(family, a, b)} dev {a} weight {weight}" for a, b, weight in ones)
    if shape == "object":
        return f"nhid {draw(st.integers(1, 3)) + (0 if family == 4 else 10)}"
    if shape == "group":
        return f"nhid {100 if family == 4 else 110}"
    if shape == "other" and family == 4:
        return f"via inet6 fe80::{host} dev {link}"
    return f"via {gateway(family, link, host)} dev {link}"


@st.composite
def route_lines(draw) -> str:
    family = draw(families)
    prefix, way, metric, extra = draw(st.sampled_from(PREFIXES[family])), draw(ways), draw(metrics), draw(extras)
    kind = draw(st.sampled_from(["", "", "", "", "blackhole", "unreachable", "prohibit", "throw"]))
    where = "" if kind else draw(hops(family))
    if family == 6 and not kind:
        extra = draw(st.sampled_from(["", "table 77"]))  # Linux doesn't tell in what the paths of one route differ
    source = " src 10.0.1.77" if family == 4 and not kind and draw(st.integers(0, 5)) == 0 else ""
    tos = " tos 0x10" if family == 4 and draw(st.integers(0, 4)) == 0 else ""
    if way == "delete" and draw(st.booleans()):
        return f"route delete {prefix} {metric}"
    return f"route {way} {kind} {prefix}{tos} {metric} {extra}{source} {where}"


@st.composite
def object_lines(draw) -> str:
    family = draw(families)
    base = 0 if family == 4 else 10
    number, link = draw(st.integers(1, 3)) + base, draw(links)
    make = f"nexthop replace id {number} via {gateway(family, link, draw(hosts))} dev {link}"
    members = "/".join(
        f"{base + one},{draw(st.integers(1, 9))}" for one in draw(st.sets(st.integers(1, 3), min_size=1))
    )
    kind = draw(st.sampled_from(["", "", " type resilient buckets 16"]))
    group = f"nexthop replace id {100 + base} group {members}{kind}"
    return draw(st.sampled_from([make, make, f"nexthop delete id {number}", group, f"nexthop delete id {100 + base}"]))


@st.composite
def other_lines(draw) -> str:
    link, number = draw(links), draw(st.integers(1, 4))
    side = LINKS[link]
    way = draw(st.sampled_from(["add", "delete"]))
    return draw(
        st.sampled_from(
            [
                f"link set {link} down",
                f"link set {link} up",
                f"link set {link}0 down",
                f"link set {link}0 up",
                f"link set {link} mtu {1400 + number}",
                f"address {way} 10.0.{side}.1/24 dev {link}",
                f"address {way} 10.0.{side}.{number}/24 dev {link}",
                f"address {way} 10.0.1.77/32 dev {link}",
                f"address {way} 2001:db8:{side}::{number}/64 dev {link}{' nodad' if way == 'add' else ''}",
                f"neighbour replace 10.0.{side}.{number} dev {link} lladdr 02:00:00:00:00:0{number}",
                f"neighbour delete 10.0.{side}.{number} dev {link}",
                f"rule {way} from 10.9.0.0/16 priority {1000 + number} table 77",
                f"link delete {link}",
                f"link add name {link} type veth peer name {link}0",
            ]
        )
    )


operations = st.one_of(route_lines(), route_lines(), object_lines(), other_lines())


def perform(namespace, lines: list[str]) -> None:
    """Each line by itself; many are refused, as they contradict what is there."""
    text = [
        line.replace("route", "-6 route", 1) if "::" in line and line.startswith("route") else line for line in lines
    ]
    namespace.run("sh", "-c", "\n".join(f"ip {line} 2>/dev/null || true" for line in text))


def rewire(namespace) -> None:
    """Back to the beginning, in the same namespace."""
    perform(
        namespace, ["link delete left", "link delete right", "nexthop flush", "rule flush", "route flush table all"]
    )
    perform(namespace, ["-6 route flush table all", "rule add priority 32766 table main"])
    try:
        namespace.ip(*WIRING[1:], "address add 10.0.1.77/32 dev left")
    except IpFailed as refused:
        raise AssertionError(refused) from refused


@given(st.lists(operations, min_size=10, max_size=60), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def check(namespace, lines: list[str], seed: int) -> None:
    rewire(namespace)
    mirror = mirror_in(namespace)
    chance = random.Random(seed)
    while lines:
        cut = chance.randrange(1, 20)
        now, lines = lines[:cut], lines[cut:]
        perform(namespace, now)
        found = differences(mirror, namespace) + misjudged_paths(mirror, namespace)
        assert not found, "\n".join(["after", *now, *found])
    assert mirror.counts.overflows == 0


@pytest.mark.slow
def test_the_mirror_says_what_linux_says():
    with wired("random") as namespace:
        check(namespace)
