"""A packet's way for people and for programs."""

from datetime import datetime
from typing import TypedDict

from bise.cli.watching import Told


class DescribedStep(TypedDict):
    """What a node decided; `to`: the node or sink that its edge leads to."""

    node: str
    edge: str
    to: str
    cycles: int
    changes: list[str]


class Described(TypedDict):
    """docs/json.md says what each key means."""

    port: str
    when_ns: int
    octets: int
    headers: list[str]
    steps: list[DescribedStep]
    verdict: str
    egress: str | None
    packet: str


def describe(told: Told) -> Described:
    """One packet that came, node by node."""
    from bise.wire.layers import changes, layers

    way, steps = told.way, list[DescribedStep]()
    before = way.came
    for step in way.steps:
        node = told.graph["nodes"][step.node]
        edge, to = node["edges"][str(step.edge)]
        changed = changes(before[: len(step.octets)], step.octets)
        steps.append({"node": node["name"], "edge": edge, "to": to, "cycles": step.cycles, "changes": changed})
        before = step.octets
    return {
        "port": told.port,
        "when_ns": told.when_ns,
        "octets": way.came_total,
        "headers": [str(layer) for layer in layers(way.came)],
        "steps": steps,
        "verdict": told.sink,
        "egress": told.egress,
        "packet": way.came.hex(),
    }


def lines(number: int, packet: Described) -> list[str]:
    """As `bise trace` shows it."""
    when = datetime.fromtimestamp(packet["when_ns"] / 1e9).strftime("%H:%M:%S.%f")
    found = [f"{number}  {when}  {packet['port']}  {packet['octets']} octets"]
    found += [f"     {header}" for header in packet["headers"]]
    width = max((len(step["node"]) + len(step["edge"]) for step in packet["steps"]), default=0) + 1
    for step in packet["steps"]:
        what = f"{step['node']} {step['edge']}".ljust(width)
        found.append(f"   → {what} {step['cycles']:>6} cycles   {', '.join(step['changes'])}".rstrip())
    end = packet["verdict"] if packet["egress"] is None else f"{packet['verdict']} by {packet['egress']}"
    return [*found, f"   = {end}", ""]


def comment(packet: Described) -> str:
    """The way in one line, for a capture file."""
    return " > ".join([*(f"{step['node']} {step['edge']}" for step in packet["steps"]), packet["verdict"]])
