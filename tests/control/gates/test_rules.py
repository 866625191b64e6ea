"""Policy rules that can and can't choose another table for a packet between two ports."""

import pytest

from bise.control.gates.gate import EVERYWHERE, IPV4, IPV6, crossing
from bise.control.gates.rules import rule_gates
from bise.control.objects import Rule, RuleAction

PORTS = ("eth0", "eth1")
USUAL = [
    *(Rule(4, priority, RuleAction.TO_TABLE, table) for priority, table in ((0, 255), (32766, 254), (32767, 253))),
    *(Rule(6, priority, RuleAction.TO_TABLE, table) for priority, table in ((0, 255), (32766, 254))),
]


def gates_of(*rules: Rule) -> list[tuple[object, ...]]:
    return [(gate.families, gate.where) for gate in rule_gates(rules, PORTS)]


def rule(*selectors: tuple[str, str], family: int = 4, l3mdev: bool = False) -> Rule:
    return Rule(family, 100, RuleAction.TO_TABLE, 7, selectors, l3mdev)


def test_the_rules_of_every_namespace_are_no_gate() -> None:
    assert gates_of(*USUAL) == []
    assert gates_of(*(rule for rule in USUAL if rule.table != 253)) == []


@pytest.mark.parametrize(
    "harmless",
    [
        [("iif", "lo")],
        [("iif", "other"), ("from", "10.0.0.0/8")],
        [("oif", "eth0")],
        [("fwmark", "0x1")],
        [("fwmark", "0x10"), ("fwmask", "0xf0")],
    ],
)
def test_what_cannot_match_a_packet_between_ports_is_no_gate(harmless: list[tuple[str, str]]) -> None:
    assert gates_of(*USUAL, rule(*harmless)) == []


def test_the_rule_of_vrfs_is_no_gate() -> None:
    assert gates_of(*USUAL, Rule(4, 1000, RuleAction.TO_TABLE, 0, (), True)) == []


@pytest.mark.parametrize(
    "selectors",
    [
        [("from", "10.0.0.0/8")],
        [("tos", "0x10")],
        [("not", ""), ("fwmark", "0x1")],
        [("not", ""), ("iif", "lo")],
        [("fwmark", "0x0"), ("fwmask", "0xff")],
        [("ipproto", "6"), ("dport", "80")],
        [("suppress_prefixlength", "0")],
        [("attribute 99", "00")],
    ],
)
def test_what_can_match_gates_its_family(selectors: list[tuple[str, str]]) -> None:
    assert gates_of(*USUAL, rule(*selectors)) == [(IPV4, EVERYWHERE)]
    assert gates_of(*USUAL, rule(*selectors, family=6)) == [(IPV6, EVERYWHERE)]


def test_a_rule_for_one_port_gates_that_port() -> None:
    assert gates_of(*USUAL, rule(("iif", "eth1"))) == [(IPV4, crossing("eth1"))]


def test_other_tables_first_or_missing_ones_gate() -> None:
    assert gates_of(*USUAL[1:]) == [(IPV4, EVERYWHERE)]
    moved = [Rule(4, 40000, RuleAction.TO_TABLE, 255), *USUAL[1:]]
    assert gates_of(*moved) == [(IPV4, EVERYWHERE)]
    assert gates_of(*USUAL, rule()) == [(IPV4, EVERYWHERE)]


def test_a_gate_reads_as_the_rule() -> None:
    (gate,) = rule_gates([*USUAL, rule(("from", "10.0.0.0/8"))], PORTS)
    assert gate.subject == "100: from 10.0.0.0/8 lookup 7"
