"""All that an instance says at one moment."""

import time
from dataclasses import dataclass
from typing import Any, TypedDict

from bise.control.messages import Neighbour, PortCounters, Reason, Status
from bise.control.socket import ControlClient, Refused


class NodeCycles(TypedDict):
    """What a node costs: cycles a packet, and packets that this was sampled on."""

    node: str
    cycles: float
    packets: int


@dataclass(frozen=True)
class Snapshot:
    """Lists are empty while the instance begins. `neighbours` is None if they were not asked for, `nodes` where the
    instance doesn't measure its nodes."""

    at_ns: int
    status: Status
    ports: list[PortCounters]
    drops: list[Reason]
    punts: list[Reason]
    neighbours: list[Neighbour] | None
    nodes: list[NodeCycles] | None

    def follows(self, before: "Snapshot") -> bool:
        """Whether the process is still the one that gave the snapshot `before`: its counters go on."""
        same = self.status["pid"] == before.status["pid"]
        return same and self.status["uptime_ns"] >= before.status["uptime_ns"]


def take(bise: ControlClient, neighbours: bool = False) -> Snapshot:
    """Asks everything at once; for `neighbours`, who may be many, only where they are wanted. Raises BiseError where
    nobody answers."""
    return Snapshot(
        at_ns=time.monotonic_ns(),
        status=bise.ask("status"),
        ports=_if_it_can(bise, "ports") or [],
        drops=_if_it_can(bise, "drops") or [],
        punts=_if_it_can(bise, "punts") or [],
        neighbours=(_if_it_can(bise, "neighbours") or []) if neighbours else None,
        nodes=_nodes(_if_it_can(bise, "cycles")),
    )


def _if_it_can(bise: ControlClient, verb: str) -> Any:
    """None where the instance answers that it can't: it begins, or doesn't know the verb."""
    try:
        return bise.ask(verb)
    except Refused:
        return None


def _nodes(reply: Any) -> list[NodeCycles] | None:
    if reply is None:
        return None
    found = reply["nodes"] if isinstance(reply, dict) else reply
    return [{"node": each["node"], "cycles": each["cycles"], "packets": each["packets"]} for each in found]
