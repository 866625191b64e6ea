"""All that an instance says at one moment."""

import time
from dataclasses import dataclass
from typing import Any, TypedDict

from bise.control.messages import Neighbour, PortCounters, Reason, Status
from bise.control.socket import ControlClient, Refused


class NodeSpent(TypedDict):
    """Cycles that a node has taken for so many packets, of sampled bursts, since the instance began."""

    node: str
    packets: int
    cycles: int


@dataclass(frozen=True)
class Snapshot:
    """Lists are empty while the instance begins. `neighbours` and `nodes` are None if they were not asked for,
    `nodes` also where the instance doesn't know what its nodes cost."""

    at_ns: int
    status: Status
    ports: list[PortCounters]
    drops: list[Reason]
    punts: list[Reason]
    neighbours: list[Neighbour] | None
    nodes: list[NodeSpent] | None

    def follows(self, before: "Snapshot") -> bool:
        """Whether the process is still the one that gave the snapshot `before`: its counters go on."""
        same = self.status["pid"] == before.status["pid"]
        return same and self.status["uptime_ns"] >= before.status["uptime_ns"]


def take(bise: ControlClient, *, neighbours: bool = False, cycles: bool = False) -> Snapshot:
    """Asks everything at once; for `neighbours`, who may be many, and `cycles`, which the instance only measures while
    somebody asks, only where they are wanted. Raises BiseError where nobody answers."""
    spent = _if_it_can(bise, "cycles") if cycles else None
    return Snapshot(
        at_ns=time.monotonic_ns(),
        status=bise.ask("status"),
        ports=_if_it_can(bise, "ports") or [],
        drops=_if_it_can(bise, "drops") or [],
        punts=_if_it_can(bise, "punts") or [],
        neighbours=(_if_it_can(bise, "neighbours") or []) if neighbours else None,
        nodes=spent["nodes"] if spent is not None else None,
    )


def _if_it_can(bise: ControlClient, verb: str) -> Any:
    """None where the instance answers that it can't: it begins, or doesn't know the verb."""
    try:
        return bise.ask(verb)
    except Refused:
        return None
