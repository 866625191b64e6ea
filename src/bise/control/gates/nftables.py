"""What nf_tables holds that forwarded packets could meet: base chains, flowtables, and rules that track connections.

The generation number tells cheaply whether to look again; only then is anything dumped. Rules are dumped only to
find those that turn on connection tracking or defragmentation, which act on forwarded packets whatever chain asks;
and not where a family is the kernel's altogether by its chains: long rulesets take long to dump.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bise.control.gates.gate import BOTH, IPV4, IPV6
from bise.control.gates.netlink import (
    ABSENT,
    NETFILTER,
    Message,
    attributes,
    conversation_if_known,
    elements,
    text,
)
from bise.control.netlink.message import NetlinkError

INET, ARP, NETDEV, BRIDGE = 1, 3, 5, 7
FAMILIES = {1: BOTH, 2: IPV4, 10: IPV6}
"""What the families of tables mean for forwarded packets; others mean nothing to them, save for devices."""
FAMILY_NAMES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
HOOKS = {0: "prerouting", 2: "forward", 4: "postrouting"}
TRACKED = {**FAMILIES, BRIDGE: BOTH}
"""What a family's rules can turn connection tracking on for: a bridge's do so for IPv4 and IPv6."""
GROUP_NFTABLES = 7
_SUBSYSTEM = 10 << 8
_GETTABLE, _GETCHAIN, _GETRULE, _GETGEN, _GETOBJECT, _GETFLOWTABLE = (_SUBSYSTEM | n for n in (1, 4, 7, 16, 19, 23))
_FAMILY_HEADER = 4
_NAME = 1
_TABLE_FLAGS, _DORMANT = 2, 1
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _CHAIN_USE = 1, 3, 4, 5, 6
_HOOK_NUMBER, _HOOK_DEVICE, _HOOK_DEVICES = 1, 3, 4
_DEVICE_NAME, _DEVICE_PREFIX = 1, 2
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_EXPRESSION_DATA, _DYNSET_EXPRESSION, _DYNSET_EXPRESSIONS = 2, 7, 10
_OBJECT_TABLE, _OBJECT_NAME, _OBJECT_TYPE = 1, 2, 3
_FLOWTABLE_TABLE, _FLOWTABLE_NAME, _FLOWTABLE_HOOK, _FLOWTABLE_DEVICES = 1, 2, 3, 3
# ct helper, connlimit, ct timeout, ct expectation, synproxy
_TRACKING_OBJECTS = {3, 5, 7, 9, 10}
# Matches and targets of iptables, legacy or over nf_tables, that turn on connection tracking; the last two, and the
# match `socket`, only defragmentation.
XTABLES_TRACKING = (
    rb"conntrack|state|connbytes|connlabel|connlimit|connmark|helper|cluster|CT|CONNMARK|CONNSECMARK|DNAT|SNAT|"
    rb"MASQUERADE|REDIRECT|NETMAP|SYNPROXY|CLUSTERIP|TPROXY"
)
_NFT_TRACKING = frozenset({"ct", "nat", "masq", "redir", "connlimit", "synproxy", "flow_offload", "tproxy"})
_MATCH_TRACKING = frozenset(XTABLES_TRACKING.decode().split("|")) | {"socket"}
# One search of a rule's octets tells that it needn't be walked; names are attributes of type 1.
_SUSPECTS = re.compile(
    re.escape(struct.pack("=H", _NAME)) + b"(?:" + "|".join(sorted(_NFT_TRACKING | _MATCH_TRACKING)).encode() + rb")\0"
)


@dataclass(frozen=True, slots=True, order=True)
class BaseChain:
    """A chain at a hook. `family` and `hook` are the kernel's numbers; `rules` says whether it has any.

    `prefixes`: devices by the beginning of their names (`eth*`).
    """

    family: int
    table: str
    name: str
    hook: int
    rules: bool
    drops: bool
    devices: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Flowtable:
    family: int
    table: str
    name: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Tracker:
    """A rule or object that turns on connection tracking, or defragmentation, for its family."""

    family: int
    table: str
    place: str
    word: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    chains: tuple[BaseChain, ...] = ()
    flowtables: tuple[Flowtable, ...] = ()
    trackers: tuple[Tracker, ...] = ()


EMPTY = Ruleset()


class Nftables:
    """The observer. Raises NetlinkError where the kernel has nf_tables but won't answer."""

    def __init__(self) -> None:
        self._kernel = conversation_if_known(NETFILTER)
        self._generation: bytes | None = None
        self._ruleset = EMPTY

    def close(self) -> None:
        if self._kernel:
            self._kernel.close()

    def observe(self) -> Ruleset:
        """The ruleset now; the same object as before where the generation is the same."""
        generation = self._generation_now()
        while self._kernel and generation != self._generation:
            self._ruleset = self._dump() if generation else EMPTY
            self._generation = generation
            generation = self._generation_now()
        return self._ruleset

    def _generation_now(self) -> bytes:
        """The generation's number; empty where the kernel is built without nf_tables."""
        if not self._kernel:
            return b""
        try:
            return attributes(self._kernel.ask(_GETGEN, bytes(4)).body, _FAMILY_HEADER)[1]
        except NetlinkError as error:
            if error.code in ABSENT:
                return b""
            raise

    def _dump(self) -> Ruleset:
        dormant = dormant_tables(self._all(_GETTABLE))
        chains = base_chains(self._all(_GETCHAIN), dormant)
        tables = flowtables(self._all(_GETFLOWTABLE), dormant)
        gated = gated_families(chains)
        trackers: set[Tracker] = set()
        for family in (family for family, tracked in TRACKED.items() if tracked - gated):
            trackers |= rule_trackers(self._all(_GETRULE, family)) | object_trackers(self._all(_GETOBJECT, family))
        return Ruleset(chains, tables, tuple(sorted(trackers)))

    def _all(self, kind: int, family: int = 0) -> list[Message]:
        assert self._kernel
        try:
            return self._kernel.dump(kind, bytes([family]).ljust(_FAMILY_HEADER, b"\0"))
        except NetlinkError as error:
            if error.code in ABSENT and kind == _GETFLOWTABLE:
                return []
            raise


def gated_families(chains: Iterable[BaseChain]) -> frozenset[int]:
    """The families whose packets are all the kernel's because of these chains."""
    meeting = [c.family for c in chains if c.hook in HOOKS and c.family in FAMILIES and (c.rules or c.drops)]
    return frozenset(version for family in meeting for version in FAMILIES[family])


def dormant_tables(tables: list[Message]) -> frozenset[tuple[int, str]]:
    """(family, name) of the tables whose hooks are switched off."""
    dormant = set()
    for message in tables:
        table = attributes(message.body, _FAMILY_HEADER)
        if _number(table.get(_TABLE_FLAGS)) & _DORMANT:
            dormant.add((message.body[0], text(table[_NAME])))
    return frozenset(dormant)


def base_chains(chains: list[Message], dormant: frozenset[tuple[int, str]] = frozenset()) -> tuple[BaseChain, ...]:
    """The base chains that stand at a hook. No one can jump to a base chain: its uses are its rules."""
    found = []
    for message in chains:
        chain = attributes(message.body, _FAMILY_HEADER)
        family, table = message.body[0], text(chain[_CHAIN_TABLE])
        if _CHAIN_HOOK not in chain or (family, table) in dormant:
            continue
        hook = attributes(chain[_CHAIN_HOOK])
        devices, prefixes = _devices(hook.get(_HOOK_DEVICES, b""))
        if not devices and not prefixes and _HOOK_DEVICE in hook:
            devices = (text(hook[_HOOK_DEVICE]),)
        uses, accepts = _number(chain.get(_CHAIN_USE)), _number(chain.get(_CHAIN_POLICY), 1)
        name, number = text(chain[_CHAIN_NAME]), _number(hook[_HOOK_NUMBER])
        found.append(BaseChain(family, table, name, number, uses > 0, accepts == 0, devices, prefixes))
    return tuple(sorted(found))


def flowtables(tables: list[Message], dormant: frozenset[tuple[int, str]] = frozenset()) -> tuple[Flowtable, ...]:
    """The flowtables and the devices they take packets from."""
    found = []
    for message in tables:
        flowtable = attributes(message.body, _FAMILY_HEADER)
        family, table = message.body[0], text(flowtable[_FLOWTABLE_TABLE])
        hook = attributes(flowtable.get(_FLOWTABLE_HOOK, b""))
        devices, prefixes = _devices(hook.get(_FLOWTABLE_DEVICES, b""))
        if (family, table) not in dormant:
            wild = tuple(prefix + "*" for prefix in prefixes)
            found.append(Flowtable(family, table, text(flowtable[_FLOWTABLE_NAME]), devices + wild))
    return tuple(sorted(found))


def rule_trackers(rules: list[Message]) -> set[Tracker]:
    """Rules of any chain whose expressions track connections. One for each chain and word, however many rules."""
    found = set()
    for message in rules:
        if _SUSPECTS.search(message.body):
            rule = attributes(message.body, _FAMILY_HEADER)
            for word in tracking_words(element for _, element in elements(rule.get(_RULE_EXPRESSIONS, b""))):
                table, chain = text(rule[_RULE_TABLE]), text(rule[_RULE_CHAIN])
                found.add(Tracker(message.body[0], table, f"chain {chain}", word))
    return found


def tracking_words(expressions: Iterable[bytes]) -> Iterator[str]:
    """What among a rule's expressions tracks connections or defragments, also where sets are added to."""
    for octets in expressions:
        expression = attributes(octets)
        name, data = text(expression.get(_NAME, b"")), attributes(expression.get(_EXPRESSION_DATA, b""))
        if name in _NFT_TRACKING:
            yield name
        elif name in ("match", "target"):
            inner = text(data.get(_NAME, b""))
            if inner in _MATCH_TRACKING:
                yield inner
        elif name == "dynset":
            yield from tracking_words([data.get(_DYNSET_EXPRESSION, b"")])
            yield from tracking_words(element for _, element in elements(data.get(_DYNSET_EXPRESSIONS, b"")))


def object_trackers(objects: list[Message]) -> set[Tracker]:
    """Named objects that track connections as long as they exist."""
    found = set()
    for message in objects:
        thing = attributes(message.body, _FAMILY_HEADER)
        if _number(thing.get(_OBJECT_TYPE)) in _TRACKING_OBJECTS:
            table, name = text(thing[_OBJECT_TABLE]), text(thing[_OBJECT_NAME])
            found.add(Tracker(message.body[0], table, f"object {name}", "ct"))
    return found


def _devices(octets: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    listed = list(elements(octets))
    names = tuple(text(name) for kind, name in listed if kind == _DEVICE_NAME)
    return names, tuple(text(name) for kind, name in listed if kind == _DEVICE_PREFIX)


def _number(octets: bytes | None, default: int = 0) -> int:
    return int.from_bytes(octets[:4], "big") if octets else default
