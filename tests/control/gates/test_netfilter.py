"""Flowtables, the hook dump and other things that this kernel may lack, from messages; and what is harmless."""

import pytest

from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, entering, leaving
from bise.control.gates.hooks import BpfHook, bpf_gates, hook_from, hook_gates
from bise.control.gates.netfilter import matching, nftables_gates
from bise.control.gates.nftables import (
    BaseChain,
    Ruleset,
    base_chains,
    dormant_tables,
    flowtables,
    object_trackers,
    rule_trackers,
)
from tests.control.gates.octets import Tree, netfilter, tree

INET, IP, NETDEV, BRIDGE, IP6 = 1, 2, 5, 7, 10
PORTS = ("eth0", "eth1", "lan0")


def gates_of(ruleset: Ruleset) -> list[tuple[object, ...]]:
    return [(gate.name, gate.families, gate.where) for gate in nftables_gates(ruleset, PORTS)]


def chain(hook: int, uses: int = 0, policy: int = 1, devices: list[tuple[int, bytes | str]] | None = None) -> Tree:
    place: dict[int, int | list[tuple[int, bytes | str]]] = {1: hook, 2: 0}
    if devices:
        place[4] = devices
    return {1: "t", 3: "c", 4: place, 5: policy, 6: uses, 7: "filter"}


def test_a_base_chain_gates_by_rules_or_policy() -> None:
    empty, ruled, dropping = (base_chains([netfilter(IP, chain(2, *how))]) for how in ((0, 1), (3, 1), (0, 0)))
    assert gates_of(Ruleset(empty)) == []
    assert gates_of(Ruleset(ruled)) == [("netfilter-forward", IPV4, EVERYWHERE)]
    assert gates_of(Ruleset(dropping)) == [("netfilter-forward", IPV4, EVERYWHERE)]


def test_a_chain_that_is_jumped_to_is_no_hook() -> None:
    assert base_chains([netfilter(IP, {1: "t", 3: "c", 6: 5})]) == ()


def test_a_dormant_table_has_no_hooks() -> None:
    dormant = dormant_tables([netfilter(IP, {1: "t", 2: 1}), netfilter(IP6, {1: "t", 2: 0})])
    assert dormant == {(IP, "t")}
    assert base_chains([netfilter(IP, chain(2, 1))], dormant) == ()
    assert len(base_chains([netfilter(IP6, chain(2, 1))], dormant)) == 1


@pytest.mark.parametrize(("hook", "gate"), [(0, "prerouting"), (1, ""), (2, "forward"), (3, ""), (4, "postrouting")])
@pytest.mark.parametrize(("family", "families"), [(INET, BOTH), (IP, IPV4), (IP6, IPV6), (BRIDGE, None), (3, None)])
def test_only_hooks_of_forwarded_packets_count(hook: int, gate: str, family: int, families: frozenset[int]) -> None:
    found = gates_of(Ruleset((BaseChain(family, "t", "c", hook, rules=True, drops=False),)))
    assert found == ([(f"netfilter-{gate}", families, EVERYWHERE)] if gate and families else [])


def test_a_device_chain_gates_its_devices_only() -> None:
    by_prefix = base_chains([netfilter(NETDEV, chain(0, 1, 1, [(2, "eth")]))])
    assert gates_of(Ruleset(by_prefix)) == [("netfilter-ingress", BOTH, entering("eth0", "eth1"))]
    egress = base_chains([netfilter(NETDEV, chain(1, 1, 1, [(1, "lan0"), (1, "x")]))])
    assert gates_of(Ruleset(egress)) == [("netfilter-egress", BOTH, leaving("lan0"))]
    inet = base_chains([netfilter(INET, chain(5, 1, 1, [(1, "eth1")]))])
    assert gates_of(Ruleset(inet)) == [("netfilter-ingress", BOTH, entering("eth1"))]
    assert gates_of(Ruleset(base_chains([netfilter(NETDEV, chain(0, 1, 1, [(1, "x")]))]))) == []


def test_a_flowtable_gates_what_comes_in_by_its_devices() -> None:
    tables = [netfilter(INET, {1: "t", 2: "f", 3: {1: 0, 2: 0, 3: [(1, "eth0"), (1, "x")]}})]
    assert gates_of(Ruleset(flowtables=flowtables(tables))) == [("flowtable", BOTH, entering("eth0"))]
    assert flowtables(tables, frozenset({(INET, "t")})) == ()


def expression(name: str, values: Tree | None = None) -> tuple[int, bytes]:
    return 1, tree({1: name, 2: values or {}})


def trackers_of(family: int, *expressions: tuple[int, bytes]) -> list[tuple[object, ...]]:
    rule = netfilter(family, {1: "nat", 2: "ct", 4: list(expressions)})
    return gates_of(Ruleset(trackers=tuple(rule_trackers([rule]))))


def test_rules_that_track_connections_gate_from_any_chain() -> None:
    assert trackers_of(IP, expression("counter"), expression("ct")) == [("conntrack", IPV4, EVERYWHERE)]
    assert trackers_of(INET, expression("flow_offload")) == [("conntrack", BOTH, EVERYWHERE)]
    assert trackers_of(BRIDGE, expression("ct")) == [("conntrack", BOTH, EVERYWHERE)]
    assert trackers_of(IP6, expression("tproxy")) == [("defragmentation", IPV6, EVERYWHERE)]
    assert trackers_of(IP6, expression("match", {1: "conntrack"})) == [("conntrack", IPV6, EVERYWHERE)]
    assert trackers_of(IP, expression("match", {1: "socket"})) == [("defragmentation", IPV4, EVERYWHERE)]
    assert trackers_of(IP, expression("dynset", {7: {1: "connlimit"}})) == [("conntrack", IPV4, EVERYWHERE)]
    several: Tree = {10: [expression("counter"), expression("connlimit")]}
    assert trackers_of(IP, expression("dynset", several)) == [("conntrack", IPV4, EVERYWHERE)]


def test_names_of_tables_chains_and_sets_track_nothing() -> None:
    assert trackers_of(IP, expression("lookup", {1: "state"}), expression("socket")) == []


def test_an_object_for_ftp_tracks_connections() -> None:
    objects = [netfilter(IP, {1: "t", 2: "ftp", 3: 3}), netfilter(IP, {1: "t", 2: "n", 3: 1})]
    assert gates_of(Ruleset(trackers=tuple(object_trackers(objects)))) == [("conntrack", IPV4, EVERYWHERE)]


def hook(family: int, function: str, module: str = "", kind: int = 0, number: int = 2) -> Tree:
    values: dict[int, str | int | Tree] = {4: function, 1: number, 2: 0}
    if module:
        values[5] = module
    if kind:
        values[6] = {2: kind}
    return values


def test_the_hook_dump_shows_what_no_other_list_does() -> None:
    message = netfilter(IP6, hook(IP6, "ila_nf_input", "ila", number=0))
    (gate,) = hook_gates([hook_from(message)])
    assert (gate.name, gate.families, gate.where) == ("netfilter-hook", IPV6, EVERYWHERE)
    assert gate.subject == "ip6 prerouting ila_nf_input [ila]"
    assert "nft list hooks ip6" in gate.reason


def test_a_bpf_program_in_the_hook_dump_is_a_gate() -> None:
    (gate,) = hook_gates([hook_from(netfilter(IP, hook(IP, "bpf_prog_run", kind=2)))])
    assert (gate.name, gate.families) == ("netfilter-bpf", IPV4)


def test_device_hooks_are_of_the_device_asked_for() -> None:
    message = netfilter(NETDEV, hook(NETDEV, "foreign_hook", "foreign", number=0))
    assert [gate.where for gate in hook_gates([hook_from(message, "eth0")])] == [entering("eth0")]
    assert [gate.where for gate in hook_gates([hook_from(message, "eth0", egress=True)])] == [leaving("eth0")]


@pytest.mark.parametrize(
    ("function", "kind", "number"),
    [
        ("nft_do_chain_inet", 1, 2),
        ("nft_do_chain_inet", 0, 2),  # of a chain that is being added or removed
        ("nf_flow_offload_inet_hook", 3, 0),
        ("apparmor_ip_postroute", 0, 4),
        ("selinux_ip_forward", 0, 2),
        ("ip_sabotage_in", 0, 0),
        ("foreign_hook", 0, 1),  # INPUT
    ],
)
def test_hooks_explained_elsewhere_or_harmless_are_none(function: str, kind: int, number: int) -> None:
    assert not list(hook_gates([hook_from(netfilter(IP, hook(IP, function, "", kind, number)))]))


def test_bpf_links_gate_the_hooks_of_forwarded_packets() -> None:
    links = [BpfHook(IP, 2, 7), BpfHook(IP6, 4, 8), BpfHook(IP, 1, 9)]
    found = [(gate.families, gate.subject) for gate in bpf_gates(links)]
    assert found == [(IPV4, "ip forward program 7"), (IPV6, "ip6 postrouting program 8")]


def test_a_star_stands_for_all_names_that_begin_so() -> None:
    assert matching(["eth*"], PORTS) == ("eth0", "eth1")
    assert matching(["*"], PORTS) == PORTS
    assert matching([], PORTS) == ()
