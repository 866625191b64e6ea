"""`bise cycles`: what each node costs, measured on sampled bursts of the traffic that is there."""

import time
from typing import Annotated, Any

import typer

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import Cycles
from bise.control.socket import ControlClient


def cycles(
    name: Name = "default",
    json: Json = False,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, max=60, help="How long to sample.")] = 1.0,
) -> None:
    """Show how many cycles a packet each node takes, from one burst in thirty-two."""
    with ControlClient(name) as bise:
        before: Cycles = bise.ask("cycles")
        while before["state"] != "sampling":
            before = bise.ask("cycles")
        limit = time.monotonic() + seconds
        after = before
        while time.monotonic() < limit:
            time.sleep(max(0.0, min(1.0, limit - time.monotonic())))
            after = bise.ask("cycles")
    reply = _difference(before, after)
    if json:
        show.as_json(reply)
        return
    show.table(
        ("node", "packets#", "cycles a packet#"),
        ((node["node"], node["packets"], _mean(node)) for node in reply["nodes"] if node["packets"]),
    )
    bare = reply["bare"]
    if bare["packets"]:
        show.line(f"whole bursts, not sampled, with reception and transmission: {_mean(bare)} cycles a packet")
    if not any(node["packets"] for node in reply["nodes"]):
        show.line("no packet came by", "yellow")


def _mean(spent: Any) -> str:
    return f"{spent['cycles'] / spent['packets']:.0f}"


def _difference(before: Cycles, after: Cycles) -> Cycles:
    old = {node["node"]: node for node in before["nodes"]}
    return {
        "state": after["state"],
        "bare": {
            "packets": after["bare"]["packets"] - before["bare"]["packets"],
            "cycles": after["bare"]["cycles"] - before["bare"]["cycles"],
        },
        "nodes": [
            {
                "node": node["node"],
                "packets": node["packets"] - (old[node["node"]]["packets"] if node["node"] in old else 0),
                "cycles": node["cycles"] - (old[node["node"]]["cycles"] if node["node"] in old else 0),
            }
            for node in after["nodes"]
        ],
    }
