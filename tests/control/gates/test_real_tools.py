"""Each gate, switched on and off by the tool that an operator would use, seen and cleared again."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bise.bench.namespaces import Namespace
from bise.control.gates import Gate
from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, Where, crossing, entering, leaving
from tests.control.gates.watching import PATIENCE_S, run, watched

pytestmark = pytest.mark.root


@dataclass(frozen=True)
class Case:
    """`on` and `off` are shell commands; `ready` runs before the watch starts."""

    name: str
    on: str
    off: str
    families: frozenset[int]
    where: Where = field(default=EVERYWHERE)
    ready: str = "true"

    def stands(self, gates: tuple[Gate, ...]) -> bool:
        return any((g.name, g.families, g.where) == (self.name, self.families, self.where) for g in gates)


def knob(name: str, path: str, on: int, off: int, families: frozenset[int], where: Where = EVERYWHERE) -> Case:
    return Case(name, f"sysctl -qw {path}={on}", f"sysctl -qw {path}={off}", families, where)


P0_IPV6 = "net.ipv6.conf.p0"
SYSCTLS = [
    knob("sysctl-forwarding", "net.ipv4.conf.p0.forwarding", 0, 1, IPV4, entering("p0")),
    knob("sysctl-forwarding", "net.ipv4.ip_forward", 0, 1, IPV4, entering("p1")),
    knob("sysctl-forwarding", "net.ipv6.conf.all.forwarding", 0, 1, IPV6, entering("p1")),
    knob("ipv6-disabled", f"{P0_IPV6}.disable_ipv6", 1, 0, IPV6, crossing("p0")),
    knob("sysctl-use-pmtu", "net.ipv4.ip_forward_use_pmtu", 1, 0, IPV4),
    knob("sysctl-use-neigh", "net.ipv4.fib_multipath_use_neigh", 1, 0, IPV4),
    knob("sysctl-linkdown", "net.ipv4.conf.p0far.ignore_routes_with_linkdown", 1, 0, IPV4),
    knob("sysctl-linkdown", "net.ipv6.conf.p1.ignore_routes_with_linkdown", 1, 0, IPV6),
    knob("sysctl-redirects", "net.ipv4.conf.all.accept_redirects", 1, 0, IPV4, leaving("p0")),
    Case(
        "sysctl-redirects",
        f"sysctl -qw {P0_IPV6}.forwarding=0",
        f"sysctl -qw {P0_IPV6}.forwarding=1",
        IPV6,
        leaving("p0"),
    ),
    Case("ipv6-disabled", "ip link set p0 mtu 1000", "ip link set p0 mtu 1500", IPV6, crossing("p0")),
]


def nft(name: str, rules: str, families: frozenset[int], where: Where = EVERYWHERE) -> Case:
    return Case(name, f"nft '{rules}'", "nft flush ruleset", families, where)


def chain(family: str, hook: str, rule: str, kind: str = "filter", more: str = "") -> str:
    body = f"type {kind} hook {hook} {more} priority 0; {rule};"
    return f"table {family} t {{ chain c {{ {body} }}; }}"


NFTABLES = [
    nft("netfilter-forward", chain("ip", "forward", "ip saddr 10.9.9.9 drop"), IPV4),
    nft("netfilter-forward", chain("ip6", "forward", "policy drop"), IPV6),
    nft("netfilter-forward", chain("inet", "forward", "counter"), BOTH),
    nft("netfilter-prerouting", chain("ip6", "prerouting", "meta mark set 1"), IPV6),
    nft("netfilter-postrouting", chain("ip", "postrouting", "masquerade", "nat"), IPV4),
    nft("conntrack", chain("inet", "input", "ct state established accept"), BOTH),
    nft("conntrack", chain("ip", "output", "dnat to 10.0.0.1", "nat"), IPV4),
    nft("netfilter-ingress", chain("netdev", "ingress", "counter", more="device p0"), BOTH, entering("p0")),
    nft("netfilter-egress", chain("netdev", "egress", "drop", more="device p1"), BOTH, leaving("p1")),
    nft("netfilter-ingress", chain("inet", "ingress", "drop", more="devices = { p0, p1 }"), BOTH, entering("p0", "p1")),
    Case("netfilter-forward", "iptables-nft -A FORWARD -s 10.9.9.9 -j DROP", "iptables-nft -F", IPV4),
    Case("netfilter-forward", "ip6tables-nft -P FORWARD DROP", "ip6tables-nft -P FORWARD ACCEPT", IPV6),
    Case("conntrack", "iptables-nft -A INPUT -m conntrack --ctstate NEW -j ACCEPT", "iptables-nft -F", IPV4),
]
LEGACY = [
    Case("netfilter-forward", "iptables-legacy -A FORWARD -s 10.9.9.9 -j DROP", "iptables-legacy -F", IPV4),
    Case("netfilter-forward", "iptables-legacy -P FORWARD DROP", "iptables-legacy -P FORWARD ACCEPT", IPV4),
    Case("netfilter-forward", "ip6tables-legacy -P FORWARD DROP", "ip6tables-legacy -P FORWARD ACCEPT", IPV6),
    Case("netfilter-prerouting", "ip6tables-legacy -t raw -I PREROUTING", "ip6tables-legacy -t raw -F", IPV6),
    Case(
        "netfilter-postrouting",
        "iptables-legacy -t nat -A POSTROUTING -j MASQUERADE",
        "iptables-legacy -t nat -F",
        IPV4,
    ),
    Case("conntrack", "iptables-legacy -A INPUT -m state --state NEW", "iptables-legacy -F", IPV4),
    Case("conntrack", "ip6tables-legacy -A OUTPUT -m conntrack --ctstate NEW", "ip6tables-legacy -F", IPV6),
]
_POLICY = "ip xfrm policy add src 10.0.0.0/8 dst 10.1.0.0/16"
_TEMPLATE = "tmpl src 10.0.0.1 dst 10.0.0.2 proto esp mode tunnel"
IPSEC = [
    Case("xfrm-policy", f"{_POLICY} dir out {_TEMPLATE}", "ip xfrm policy flush", IPV4),
    Case("xfrm-policy", f"{_POLICY} dir fwd action block", "ip xfrm policy flush", IPV4),
    Case("xfrm-policy", f"{_POLICY} dev p0 dir fwd action block", "ip xfrm policy flush", IPV4, crossing("p0")),
    Case("xfrm-policy", f"ip xfrm policy add src ::/0 dst ::/0 dir out {_TEMPLATE}", "ip xfrm policy flush", IPV6),
    Case("xfrm-default", "ip xfrm policy setdefault fwd block", "ip xfrm policy setdefault fwd accept", BOTH),
]
RULES = [
    Case("policy-rule", "ip rule add from 10.0.0.0/8 table 100", "ip rule del from 10.0.0.0/8 table 100", IPV4),
    Case("policy-rule", "ip rule add not fwmark 1 table 100", "ip rule del not fwmark 1 table 100", IPV4),
    Case("policy-rule", "ip -6 rule add iif p0 table 100", "ip -6 rule del iif p0 table 100", IPV6, crossing("p0")),
    Case("policy-rule", "ip rule add pref 5 to 10.0.0.0/8 prohibit", "ip rule del pref 5", IPV4),
    Case("policy-rule", "ip rule del pref 0", "ip rule add pref 0 table local", IPV4),
]
_U32 = "u32 match u32 0 0 flowid 1:1"
TRAFFIC = [
    Case(
        "qdisc",
        "tc qdisc add dev p1 root tbf rate 1mbit burst 10k latency 1ms",
        "tc qdisc del dev p1 root",
        BOTH,
        leaving("p1"),
    ),
    Case(
        "tc-filter",
        f"tc qdisc add dev p0 clsact && tc filter add dev p0 ingress protocol ip {_U32}",
        "tc filter del dev p0 ingress",
        IPV4,
        entering("p0"),
    ),
    Case(
        "tc-filter",
        f"tc qdisc add dev p0 clsact && tc filter add dev p0 egress protocol all {_U32}",
        "tc qdisc del dev p0 clsact",
        BOTH,
        leaving("p0"),
    ),
    Case(
        "tc-filter",
        f"tc qdisc add dev p0 ingress && tc filter add dev p0 parent ffff: protocol ipv6 {_U32}",
        "tc qdisc del dev p0 ingress",
        IPV6,
        entering("p0"),
    ),
]
DEVICES = [
    Case(
        "enslaved",
        "ip link add br9 type bridge && ip link set p0 master br9",
        "ip link set p0 nomaster",
        BOTH,
        crossing("p0"),
    ),
    Case(
        "macvlan",
        "ip link add mv link p0 type macvlan mode passthru",
        "ip link del mv",
        BOTH,
        crossing("p0"),
    ),
    Case("no-interface", "ip link set p0 name other", "ip link set other name p0", BOTH, crossing("p0")),
]
EVERY = [*SYSCTLS, *NFTABLES, *LEGACY, *IPSEC, *RULES, *TRAFFIC, *DEVICES]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: f"{case.name}: {case.on[:60]}")
def test_a_gate_is_seen_and_cleared(case: Case, router: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> tuple[float, float]:
        with watched(router) as seen:
            await run(case.ready)
            assert not seen.gates, seen.gates
            on = await seen.delay(lambda: run(case.on), lambda: case.stands(seen.gates))
            off = await seen.delay(lambda: run(case.off), lambda: not case.stands(seen.gates))
            return on, off

    on, off = asyncio.run(scenario())
    with capsys.disabled():
        print(f"\n{case.name:22} seen {on * 1e3:5.1f} ms, cleared {off * 1e3:5.1f} ms after: {case.on}")
    assert max(on, off) < PATIENCE_S


HARMLESS = [
    "nft 'table inet t { chain c { type filter hook forward priority 0; }; }'",
    "nft 'table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }'",
    "nft 'table netdev t { chain c { type filter hook ingress device p0far priority 0; counter; }; }'",
    "nft 'table ip t { flags dormant; chain c { type filter hook forward priority 0; drop; }; }'",
    "nft 'table ip nat { set state { type ipv4_addr; }; chain c { ip saddr @state drop; }; }'",
    "nft 'table bridge t { chain c { type filter hook forward priority 0; drop; }; }'",
    "nft 'table arp t { chain c { type filter hook input priority 0; drop; }; }'",
    "iptables-legacy -L && ip6tables-legacy -t nat -L",
    "iptables-legacy -A INPUT -s 10.9.9.9 -j DROP && iptables-legacy -P INPUT DROP",
    "iptables-nft -L",
    f"{_POLICY} dir in action block",
    f"{_POLICY} dir out if_id 7 {_TEMPLATE}",
    f"{_POLICY} dir out mark 7 {_TEMPLATE}",
    f"{_POLICY} dir out action allow",
    "ip rule add iif lo table 100 && ip rule add oif p0 table 100 && ip rule add fwmark 1 table 100",
    "ip rule add l3mdev pref 1000",
    "tc qdisc add dev p0 clsact && tc qdisc add dev p1far root tbf rate 1mbit burst 10k latency 1ms",
    "ip link add mv link p0 type macvlan mode bridge",
    "ip link add br9 type bridge && ip link set p1far master br9",
    "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.fib_multipath_hash_policy=1 net.ipv4.conf.p0.accept_local=1",
]


@pytest.mark.parametrize("command", HARMLESS)
def test_what_forwarded_packets_do_not_meet_is_no_gate(command: str, router: Namespace) -> None:
    async def scenario() -> None:
        with watched(router) as seen:
            await run(command)
            seen.watch.follow(("p0", "p1"))  # looks at everything, now
            assert not seen.gates, seen.gates

    asyncio.run(scenario())
