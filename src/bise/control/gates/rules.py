"""Policy rules: which of them could send a forwarded packet to another table than local and main.

Rules that can't match a packet between ports are no gates: those of an output interface (`oif`: only a bound socket
has one), of an input interface that is no port (`iif lo`: what the machine sends), of a mark other than 0 (only
netfilter and tc set marks, gates themselves), and the VRF rule (`l3mdev`: a port in a VRF is a gate itself).
"""

from collections.abc import Iterable, Iterator

from bise.control.gates.gate import EVERYWHERE, IPV4, IPV6, Detection, Gate, Where, crossing
from bise.control.gates.netlink import ROUTE, Conversation
from bise.control.netlink.kinds import Group, Kind
from bise.control.netlink.rules import RULE, decode_rule
from bise.control.objects import TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN, Rule, RuleAction

GROUPS = (Group.IPV4_RULE, Group.IPV6_RULE)
_USUAL = ([TABLE_LOCAL, TABLE_MAIN, TABLE_DEFAULT], [TABLE_LOCAL, TABLE_MAIN])
_AF_INET, _AF_INET6 = 2, 10


def rule_gates(rules: Iterable[Rule], ports: Iterable[str]) -> Iterator[Gate]:
    """Gates of each family's rules."""
    every, names = sorted(rules, key=lambda rule: rule.priority), tuple(ports)
    for family, families in ((4, IPV4), (6, IPV6)):
        own = [rule for rule in every if rule.family == family]
        if [rule.table for rule in own if _is_plain(rule)] not in _USUAL:
            why = "these aren't there, alone and in this order"
            yield _gate("local, main, default", families, EVERYWHERE, why)
        for rule in own:
            where = None if _is_plain(rule) else _where(rule, names)
            if where:
                yield _gate(_subject(rule), families, where, "it may choose another route")


def _is_plain(rule: Rule) -> bool:
    """Whether it matches every packet and only names a table."""
    return rule.action is RuleAction.TO_TABLE and not rule.selectors and not rule.l3mdev


def _where(rule: Rule, ports: tuple[str, ...]) -> Where | None:
    """The packets between ports that a rule can match, if any.

    One of a port's own concerns what leaves there, too: the reverse path check asks as if it came in by that port.
    """
    asked = dict(rule.selectors)
    if "not" in asked:
        return EVERYWHERE
    if rule.l3mdev or "oif" in asked or _marked(asked):
        return None
    if "iif" in asked:
        return crossing(asked["iif"]) if asked["iif"] in ports else None
    return EVERYWHERE


def _marked(asked: dict[str, str]) -> bool:
    mark, mask = (int(asked.get(word, "0"), 16) for word in ("fwmark", "fwmask"))
    return bool(mark & mask if "fwmask" in asked else mark)


def _subject(rule: Rule) -> str:
    asked = " ".join(f"{word} {value}".strip() for word, value in rule.selectors)
    does = f"lookup {rule.table}" if rule.action is RuleAction.TO_TABLE else rule.action.name.lower()
    return " ".join(f"{rule.priority}: {asked} {does}".split())


def _gate(subject: str, families: frozenset[int], where: Where, why: str) -> Gate:
    show = "ip rule" if families == IPV4 else "ip -6 rule"
    return Gate("policy-rule", subject, families, where, Detection.ANNOUNCED, f"{why} ({show})")


class Rules:
    """The observer of both families' rules."""

    def __init__(self) -> None:
        self._kernel = Conversation(ROUTE)

    def close(self) -> None:
        self._kernel.close()

    def observe(self) -> tuple[Rule, ...]:
        found = []
        for family in (_AF_INET, _AF_INET6):
            for message in self._kernel.dump(Kind.GET_RULE, RULE.pack(family, 0, 0, 0, 0, 0, 0)):
                rule = decode_rule(message.body, 0, len(message.body))
                if rule:
                    found.append(rule)
        return tuple(found)
