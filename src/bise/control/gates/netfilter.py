"""Which netfilter hooks forwarded packets meet, and the gates of what stands there.

Forwarded packets meet PREROUTING, FORWARD and POSTROUTING of their family, and ingress and egress of their devices.
INPUT and OUTPUT are for the machine itself, `arp` for ARP, `bridge` for bridge ports (a port in a bridge is a gate of
its own). A base chain without rules whose policy is accept does nothing and is no gate; a rule that only counts is one.
Connection tracking and defragmentation act on all packets of a family once any chain asks for them, INPUT too.
"""

from collections.abc import Iterable, Iterator

from bise.control.gates.gate import BOTH, EVERYWHERE, Detection, Gate, Where, entering, leaving
from bise.control.gates.nftables import (
    FAMILIES,
    FAMILY_NAMES,
    HOOKS,
    INET,
    NETDEV,
    TRACKED,
    BaseChain,
    Ruleset,
    Tracker,
)

_INET_INGRESS = 5
_DEFRAGMENTING = {"tproxy", "TPROXY", "socket"}


def nftables_gates(ruleset: Ruleset, ports: Iterable[str]) -> Iterator[Gate]:
    """Gates of everything that nf_tables holds: its own, and what iptables-nft and firewalld put there."""
    names = tuple(ports)
    for chain in ruleset.chains:
        if chain.rules or chain.drops:
            yield from _chain_gates(chain, names)
    for flowtable in ruleset.flowtables:
        touched = matching(flowtable.devices, names)
        if touched:
            subject = f"{FAMILY_NAMES.get(flowtable.family, flowtable.family)} {flowtable.table} {flowtable.name}"
            reason = "a flowtable forwards connections past the stack (nft list flowtables)"
            families = FAMILIES.get(flowtable.family, BOTH)
            yield Gate("flowtable", subject, families, entering(*touched), Detection.ANNOUNCED, reason)
    for tracker in ruleset.trackers:
        yield from _tracker_gates(tracker)


def matching(devices: Iterable[str], ports: Iterable[str]) -> tuple[str, ...]:
    """The ports among devices; a device that ends in `*` stands for all that begin so."""
    wanted = tuple(devices)
    wild = tuple(device[:-1] for device in wanted if device.endswith("*"))
    return tuple(port for port in ports if port in wanted or port.startswith(wild or ("\0",)))


def tracking_gate(word: str, subject: str, families: frozenset[int], show: str, detection: Detection) -> Gate:
    """Connection tracking or defragmentation of all packets of some families, wherever the rule is that asked."""
    if word in _DEFRAGMENTING:
        name, what = "defragmentation", "fragments are reassembled on their way through"
    else:
        name, what = "conntrack", "connections are tracked and fragments reassembled, of forwarded packets too"
    return Gate(name, subject, families, EVERYWHERE, detection, f"`{word}` turns it on: {what} ({show})")


def _chain_gates(chain: BaseChain, ports: tuple[str, ...]) -> Iterator[Gate]:
    family = FAMILY_NAMES.get(chain.family, str(chain.family))
    subject = f"{family} {chain.table} {chain.name}"
    does = "has rules" if chain.rules else "drops by policy"
    place = _chain_place(chain, ports)
    if place is None:
        return
    hook, families, where = place
    reason = f"this chain meets forwarded packets and {does} (nft list chain {subject})"
    yield Gate(f"netfilter-{hook}", subject, families, where, Detection.ANNOUNCED, reason)


def _chain_place(chain: BaseChain, ports: tuple[str, ...]) -> tuple[str, frozenset[int], Where] | None:
    """(hook, families, traffic) that a chain can touch; None where it can't touch forwarded packets of our ports."""
    on_devices = chain.family == NETDEV or (chain.family == INET and chain.hook == _INET_INGRESS)
    if on_devices:
        touched = matching(chain.devices + tuple(prefix + "*" for prefix in chain.prefixes), ports)
        egress = chain.family == NETDEV and chain.hook == 1
        place = "egress" if egress else "ingress"
        return (place, BOTH, leaving(*touched) if egress else entering(*touched)) if touched else None
    if chain.family in FAMILIES and chain.hook in HOOKS:
        return HOOKS[chain.hook], FAMILIES[chain.family], EVERYWHERE
    return None


def _tracker_gates(tracker: Tracker) -> Iterator[Gate]:
    families = TRACKED.get(tracker.family)
    if families:
        family = FAMILY_NAMES[tracker.family]
        subject = f"{family} {tracker.table} {tracker.place}"
        show = f"nft list table {family} {tracker.table}"
        yield tracking_gate(tracker.word, subject, families, show, Detection.ANNOUNCED)
