"""What else in Linux could change or forbid forwarding: 100 ms after it is switched on, nothing passes it by."""

import time
from collections.abc import Iterator

import pytest
from scapy.layers.inet import UDP

from tests.oracle.forwarders import FOLLOWS_WITHIN_S
from tests.oracle.packets import ip4, ip6, to_length, udp
from tests.oracle.pair import Pair
from tests.oracle.programs import DROP, attach, detach
from tests.oracle.stream import Stream

pytestmark = pytest.mark.root

BY_PORT = "udp dport 4001 drop"


def nft(hook: str, rule: str, family: str = "inet", device: str = "") -> tuple[str, str]:
    on_device = f"device {device} " if device else ""
    chain = f"chain drops {{ type filter hook {hook} {on_device}priority 0; {rule}; }}"
    return f"nft 'table {family} gate {{ {chain}; }}'", f"nft delete table {family} gate"


def legacy(command: str, rule: str) -> tuple[str, str]:
    return f"{command} -A {rule} -j DROP", f"{command} -D {rule} -j DROP"


def setting(name: str, wrong: int, right: int) -> tuple[str, str]:
    return f"sysctl -w {name}={wrong}", f"sysctl -w {name}={right}"


def policy(direction: str, selector: str) -> tuple[str, str]:
    return (
        f"ip xfrm policy add {selector} dir {direction} action block",
        f"ip xfrm policy del {selector} dir {direction}",
    )


# Gates that let nothing of the stream through, by family: a command and its undoing.
CLOSED: dict[str, tuple[int, tuple[str, str]]] = {
    "nft forward": (4, nft("forward", BY_PORT)),
    "nft forward, IPv6": (6, nft("forward", BY_PORT)),
    "nft forward, default": (4, nft("forward", "policy drop")),
    "nft prerouting": (4, nft("prerouting", BY_PORT)),
    "nft prerouting, IPv6": (6, nft("prerouting", BY_PORT, "ip6")),
    "nft postrouting": (4, nft("postrouting", BY_PORT, "ip")),
    "nft ingress": (4, nft("ingress", BY_PORT, "netdev", "c")),
    "nft ingress, IPv6": (6, nft("ingress", BY_PORT, "netdev", "c")),
    "nft egress": (4, nft("egress", BY_PORT, "netdev", "s")),
    "nft connection tracking": (4, nft("forward", "ct state new drop")),
    "iptables forward": (4, legacy("iptables-legacy", "FORWARD -p udp --dport 4001")),
    "iptables raw": (4, legacy("iptables-legacy -t raw", "PREROUTING -p udp --dport 4001")),
    "iptables mangle": (4, legacy("iptables-legacy -t mangle", "POSTROUTING -p udp --dport 4001")),
    "ip6tables forward": (6, legacy("ip6tables-legacy", "FORWARD -p udp --dport 4001")),
    "forwarding off": (4, setting("net.ipv4.ip_forward", 0, 1)),
    "forwarding off here": (4, setting("net.ipv4.conf.c.forwarding", 0, 1)),
    "forwarding off, IPv6": (6, setting("net.ipv6.conf.all.forwarding", 0, 1)),
    "strict source check": (4, setting("net.ipv4.conf.c.rp_filter", 1, 0)),
    "policy block": (4, policy("fwd", "src 10.1.0.0/16 dst 10.1.0.0/16")),
    "policy block at the exit": (4, policy("out", "src 10.1.0.0/16 dst 10.1.0.0/16")),
    "policy block, IPv6": (6, policy("fwd", "src 2001:db8::/32 dst 2001:db8::/32")),
    "rule of policy routing": (4, ("ip rule add iif c blackhole", "ip rule del iif c blackhole")),
    "rule of policy routing, IPv6": (6, ("ip -6 rule add iif c prohibit", "ip -6 rule del iif c prohibit")),
    "blackhole": (4, ("ip route add blackhole 10.1.2.9", "ip route del blackhole 10.1.2.9")),
    "blackhole, IPv6": (6, ("ip -6 route add blackhole 2001:db8:102::9", "ip -6 route del blackhole 2001:db8:102::9")),
    "tc filter at ingress": (4, (attach("c", "ingress", DROP), detach("c"))),
    "tc filter at egress": (6, (attach("s", "egress", DROP), detach("s"))),
    "queueing discipline": (4, ("tc qdisc add dev s root tbf rate 8bit burst 10 limit 10", "tc qdisc del dev s root")),
}
# The strict source check needs a source that leads elsewhere.
FLOWS = {4: ip4() / UDP(sport=4000, dport=4001), 6: ip6() / UDP(sport=4000, dport=4001)}
SOURCES = {"strict source check": ip4(source="10.1.3.7") / UDP(sport=4000, dport=4001)}


@pytest.fixture
def a_bridge(pair: Pair) -> Iterator[None]:
    with pair.configured("link add gate type bridge", "link set dev gate up", undo=["link del gate"]):
        yield


@pytest.mark.parametrize("name", CLOSED)
def test_nothing_passes_a_gate_that_is_closed(pair: Pair, name: str) -> None:
    family, (close, reopen) = CLOSED[name]
    with Stream(pair.other, "c", SOURCES.get(name, FLOWS[family])) as stream:
        stream.wait_until_flowing(time.monotonic())
        open_until = time.monotonic()
        pair.run(close)
        try:
            closed_from = time.monotonic() + FOLLOWS_WITHIN_S
            closed_until = stream.pass_time(FOLLOWS_WITHIN_S + 0.1)
        finally:
            pair.run(reopen)
        stream.wait_until_flowing(time.monotonic())
    arrived = stream.arrived()
    passed = stream.sent_between(closed_from, closed_until) & arrived
    leaked = [stream.sent_at[number] - closed_from for number in passed]
    assert not leaked, f"{len(leaked)} packets passed, the last one {max(leaked):.3f} s late"
    assert not stream.sent_between(0, open_until) - arrived, "packets were lost before the gate closed"


# Gates that stand in nobody's way, but could.
OPEN = {
    "nft forward, another port": nft("forward", "udp dport 5000 drop"),
    "nft prerouting, counting": nft("prerouting", "counter"),
    "nft ingress, another port": nft("ingress", "udp dport 5000 drop", "netdev", "c"),
    "iptables, another port": legacy("iptables-legacy", "FORWARD -p udp --dport 5000"),
    "policy for others": policy("fwd", "src 10.9.0.0/16 dst 10.9.0.0/16"),
    "loose source check": setting("net.ipv4.conf.c.rp_filter", 2, 0),
    "rule for others": ("ip rule add from 10.9.0.0/16 blackhole", "ip rule del from 10.9.0.0/16 blackhole"),
    "tc filter that passes": (attach("c", "ingress", "return TC_ACT_OK;"), detach("c")),
    "a queue of packets": ("tc qdisc add dev s root pfifo limit 10000", "tc qdisc del dev s root"),
    "another table": ("ip route add default via 10.0.3.2 table 99", "ip route flush table 99"),
    "port in a bridge": ("ip link set dev c master gate", "ip link set dev c nomaster"),
    "a setting": setting("net.ipv4.conf.c.route_localnet", 1, 0),
}


@pytest.mark.usefixtures("a_bridge")
@pytest.mark.parametrize("name", OPEN)
def test_what_linux_lets_through_goes_on_flowing(pair: Pair, name: str) -> None:
    close, reopen = OPEN[name]
    with Stream(pair.other, "c", FLOWS[4]) as stream:
        stream.wait_until_flowing(time.monotonic())
        before = time.monotonic()
        pair.run(close)
        try:
            settled = stream.pass_time(FOLLOWS_WITHIN_S)
            during = stream.pass_time(FOLLOWS_WITHIN_S)
        finally:
            pair.run(reopen)
        last = stream.pass_time(FOLLOWS_WITHIN_S)
        stream.wait_until_flowing(last)
    steady = stream.sent_between(0, before) | stream.sent_between(settled, during)
    assert not steady - stream.arrived()
    # Linux itself loses some milliseconds of packets while it changes a queueing discipline.
    assert len(stream.sent_between(0, last) - stream.arrived()) <= 20


# Gates that change packets.
CHANGING = {
    "DSCP": nft("forward", "ip dscp set 10"),
    "time to live": nft("postrouting", "udp dport 4001 ip ttl set 9"),
    "hop limit": nft("prerouting", "udp dport 4001 ip6 hoplimit set 9"),
    "mark and route": nft("prerouting", "meta mark set 7"),
    "port": nft("ingress", "udp dport set 4002", "netdev", "c"),
    "address": (
        "nft 'table ip gate { chain nat { type nat hook postrouting priority 100; oifname s snat to 10.0.2.9; }; }'",
        "nft delete table ip gate",
    ),
    "reassembly": nft("prerouting", "ct state invalid counter"),
    "iptables TTL": ("iptables-legacy -t mangle -A FORWARD -j TTL --ttl-set 7", "iptables-legacy -t mangle -F FORWARD"),
    "refusal": nft("forward", "udp dport 4001 reject"),
}


@pytest.mark.parametrize("name", CHANGING)
def test_what_a_gate_changes_is_changed_for_both(pair: Pair, name: str) -> None:
    flow = ip4(source=f"10.1.1.{100 + list(CHANGING).index(name)}") / udp(b"x" * 64)  # which no connection knows yet
    payload = bytes(flow)[20:]
    fragments = [
        ip4(source=flow.src, id=9, flags="MF", proto=17) / payload[:40],
        ip4(source=flow.src, id=9, frag=5, proto=17) / payload[40:],
    ]
    packets = [flow, ip6() / udp(), *fragments, to_length(flow, 1400), ip4(ttl=1) / udp()]
    with pair.commanded(*CHANGING[name]):
        assert pair.agree("c", packets).packets == len(packets)
    assert pair.agree("c", packets).packets == len(packets)


def test_a_rate_that_linux_limits_stays_limited(pair: Pair) -> None:
    router = pair.other.topology.router
    router.run_line("tc qdisc add dev s root tbf rate 80kbit burst 1000 limit 1000")  # a hundred packets a second
    try:
        with Stream(pair.other, "c", FLOWS[4]) as stream:
            start = stream.pass_time(FOLLOWS_WITHIN_S)
            end = stream.pass_time(0.5)
        assert len(stream.sent_between(start, end) & stream.arrived()) < 100
    finally:
        router.run_line("tc qdisc del dev s root")
