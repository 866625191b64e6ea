"""`bise graph`: the graph that runs, as lines, as a picture, or as JSON."""

from typing import Annotated

import typer

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import Graph
from bise.control.socket import ControlClient


def graph(
    svg: Annotated[bool, typer.Option("--svg", help="Print a picture.")] = False,
    name: Name = "default",
    json: Json = False,
) -> None:
    """Show the graph that runs: each node's edges, and the nodes, drops and punts that they lead to."""
    with ControlClient(name) as bise:
        reply: Graph = bise.ask("graph")
    if json:
        show.as_json(reply)
    elif svg:
        from bise.offline.picture import picture

        print(picture(reply), end="")
    else:
        for node in reply["nodes"]:
            for edge in node["edges"]:
                print(f"{node['name']} {edge['edge']} -> {edge['to']}")
