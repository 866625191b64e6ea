"""What would happen to one packet: led through the nodes of a state, each with its edge and why, and what Linux says.

Only where nothing is compiled: the nodes are watched, not changed.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bise.control.messages import LinuxRoute
from bise.engine.node import Node
from bise.features.feature import Feature, MakeFeatures, Notes, PortFacts
from bise.hot import Header
from bise.offline.router import NOBODY, Fate, Router, Users
from bise.offline.state import State
from bise.offline.words import Words, octets
from bise.wire.ethernet import Ethernet
from bise.wire.ipv4 import IPv4
from bise.wire.ipv6 import IPv6

_NOW = 1 << 40
_NETWORK: Mapping[bytes, type[Header]] = {b"\x08\x00": IPv4, b"\x86\xdd": IPv6}


@dataclass(frozen=True)
class Step:
    """A node on the packet's way, the edge that it chose, where that leads, why, and which fields it changed."""

    node: str
    edge: str
    to: str
    why: str
    changed: tuple[tuple[str, str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """As docs/json.md says."""
        changed = [{"field": name, "before": before, "after": after} for name, before, after in self.changed]
        return {"node": self.node, "edge": self.edge, "to": self.to, "why": self.why, "changed": changed}


@dataclass(frozen=True)
class Explanation:
    """The whole way. `packet`: the octets as they came in; `chosen_by`: users' nodes that changed the packet or ended
    its way."""

    port: PortFacts
    packet: bytes
    steps: tuple[Step, ...]
    fate: Fate
    chosen_by: str = ""

    def as_json(self) -> dict[str, Any]:
        """As docs/json.md says."""
        return {
            "port": self.port.name,
            "packet": self.packet.hex(),
            "steps": [step.as_json() for step in self.steps],
            "verdict": self.fate.verdict,
            "reason": self.fate.reason,
            "meaning": self.fate.meaning,
            "sent": [{"port": port.name, "packet": octets.hex()} for port, octets, _ in self.fate.sent],
        }


def explain(
    state: State, make_features: MakeFeatures, start: str, port: str, words: Words, users: Users = NOBODY
) -> Explanation:
    """What the router of `state` would do with the packet that `words` say, received on `port`. Raises StateError."""
    facts = state.port(port)
    seen: list[tuple[Node, Notes]] = []

    def watch(node: Node, packet: Any, edge: int) -> None:
        found = ctypes.string_at(packet.data, packet.length)
        seen.append((node, Notes(found, packet.port, packet.l3, packet.hop, node.edges(edge).name)))

    with Router(state, make_features, start, watch, users) as router:
        packet = octets(words, facts.mac)
        fate = router.lead(facts, packet, _NOW)
        features = {type(feature).__module__.split(".")[-2]: feature for feature in router.features}
        steps, before = [], packet
        for node, notes in seen:
            steps.append(_step(router, features, node, notes, before))
            before = notes.octets
    users_own = (step for (node, _), step in zip(seen, steps, strict=True) if node.is_users)
    chosen_by = ", ".join(step.node for step in users_own if step.changed or step is steps[-1])
    return Explanation(facts, packet, tuple(steps), fate, chosen_by)


def _step(router: Router, features: Mapping[str, Feature], node: Node, notes: Notes, before: bytes) -> Step:
    feature = features.get(node.name.split(".")[0])
    why = feature.why(node.name, notes) if feature is not None else ""
    if notes.edge == "GATED":
        why = "; ".join(str(gate["reason"]) for gate in router.state.gates if _concerns(gate, notes)) or why
    to, changed = router.graph.edges[node.name][notes.edge], _changes(before, notes.octets, notes)
    return Step(node.name, notes.edge, to, why, changed)


def _concerns(gate: Mapping[str, Any], notes: Notes) -> bool:
    """Whether a gate is about the packet's family."""
    family = 4 if notes.octets[12:14] == b"\x08\x00" else 6
    return family in gate["families"]


def _changes(before: bytes, after: bytes, notes: Notes) -> tuple[tuple[str, str, str], ...]:
    """The fields that differ, by name, and how they read before and after; octets elsewhere by where they begin."""
    found, named = [], set[int]()
    for header, start in ((Ethernet, 0), (_NETWORK.get(after[12:14], Header), notes.l3)):
        for name, field in header.fields.items():
            place = slice(start + field.offset, start + field.offset + field.octets)
            named.update(range(place.start, place.stop))
            if before[place] != after[place] and len(after) >= place.stop:
                found.append((f"{header.__name__} {name}", _text(before[place]), _text(after[place])))
    if len(before) != len(after):
        found.append(("octets", str(len(before)), str(len(after))))
    both = min(len(before), len(after))
    other = [at for at in range(both) if before[at] != after[at] and at not in named]
    found += [(f"octet {at}", f"{before[at]:02x}", f"{after[at]:02x}") for at in other]
    return tuple(found)


def _text(octets: bytes) -> str:
    """A MAC as people write it, a short field as a number, others as octets."""
    return octets.hex(":") if len(octets) == 6 else str(octets[0]) if len(octets) == 1 else "0x" + octets.hex()


def compare(found: Explanation, linux: LinuxRoute) -> tuple[str, str]:
    """Whether Linux would do the same: `agrees`, `differs`, `decides` where Bise leaves it to Linux, or `chosen` where
    users' nodes want something else; and why."""
    agreement, why = _compare(found.fate, linux)
    if agreement == "differs" and found.chosen_by:
        return "chosen", f"{why}; {found.chosen_by} chose otherwise"
    return agreement, why


def _compare(fate: Fate, linux: LinuxRoute) -> tuple[str, str]:
    if fate.verdict == "punt":
        return "decides", "Bise gives the packet to Linux as received on the port"
    if fate.verdict == "drop":
        ends = linux["error"] or (linux["kind"] if linux["kind"] in ("blackhole", "unreachable", "prohibit") else "")
        return ("agrees", f"Linux: {ends}") if ends else ("differs", "Linux has a route for the packet")
    if linux["error"]:
        return "differs", f"Linux: {linux['error']}"
    egress = fate.sent[0][0]
    if linux["path"]["port"] == egress.name:
        return "agrees", f"both send it by {egress.name}"
    several = [path["port"] for path in linux["paths"]]
    if egress.name in several and len(several) > 1:
        return "agrees", f"{egress.name} is among the {len(several)} ways of Linux's route"
    return "differs", f"Linux sends it by {linux['path']['port'] or 'none'}"
