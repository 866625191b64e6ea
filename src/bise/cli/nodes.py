"""`bise nodes`: users' nodes, where they stand and what they have counted; `bise node …` changes them."""

from pathlib import Path
from typing import Annotated

import typer

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import NodeChanged, UserNode
from bise.control.socket import ControlClient

_COMPILED_WITHIN_S = 600.0
app = typer.Typer(help="Add, change and remove nodes of your own while packets are forwarded.", no_args_is_help=True)
Called = Annotated[str, typer.Argument(help="What `bise nodes` calls the file.", metavar="NAME")]


def nodes(name: Name = "default", json: Json = False) -> None:
    """Show users' nodes, where they stand and what they have counted."""
    with ControlClient(name) as bise:
        reply: list[UserNode] = bise.ask("nodes")
    if json:
        show.as_json(reply)
        return
    if not reply:
        show.line("no nodes of a user's (docs/first-node.md)")
    for file in reply:
        show.line(f"{file['name']}: {file['path']}")
        if file["changed"]:
            show.line(f"    says something else by now: `bise node reload {file['name']}`", "yellow")
        for node in file["nodes"]:
            show.line(f"    {node['name']} stands behind {', '.join(node['behind']) or 'nothing'}")
            for edge, target in node["leads"].items():
                show.line(f"        {edge} → {target}")
    if any(file["state"] for file in reply):
        show.line("")
        show.table(("state", "sum#", "by worker#"), (row for file in reply for row in _state(file)))


def _state(file: UserNode) -> list[tuple[object, ...]]:
    return [
        (f"{file['name']}.{field}", sum(values), " ".join(show.count(value) for value in values))
        for field, values in file["state"].items()
    ]


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A Python file with nodes.", metavar="FILE")]) -> None:
    """Try a file out, without a running Bise: whether it may be read, compiles and fits into the graph."""
    from bise import daemon
    from bise.instance.nodes import tried

    graph = tried(file, daemon.graph)
    for node in graph.order:
        if node.is_users:
            behind = [f"{name} {edge}" for name, to in graph.edges.items() for edge in to if to[edge] == node.name]
            show.line(f"{node.name} compiles and stands behind {', '.join(behind) or 'nothing'}", "green")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A Python file with nodes.", metavar="FILE")],
    name: Name = "default",
    json: Json = False,
) -> None:
    """Take a file's nodes into the running pipeline."""
    _change(name, json, "node-add", path=str(file.absolute()))


@app.command()
def reload(file: Called, name: Name = "default", json: Json = False) -> None:
    """Take in what a file says by now; counters stay where a record's fields are the same."""
    _change(name, json, "node-reload", name=file)


@app.command()
def remove(file: Called, name: Name = "default", json: Json = False) -> None:
    """Take a file's nodes out of the running pipeline."""
    _change(name, json, "node-remove", name=file)


def _change(instance: str, json: bool, verb: str, **arguments: str) -> None:
    with ControlClient(instance, reply_within_s=_COMPILED_WITHIN_S) as bise:
        reply: NodeChanged = bise.ask(verb, **arguments)
    if json:
        show.as_json(reply)
    else:
        show.line(f"{reply['name']}: {reply['action']}, {show.duration(reply['took_ns'])}")
