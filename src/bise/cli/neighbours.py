"""`bise neighbours`: who is on the links, and who has been sent a packet lately."""

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import Neighbour
from bise.control.socket import ControlClient


def neighbours(name: Name = "default", json: Json = False) -> None:
    """Show the mirrored neighbours of each port."""
    with ControlClient(name) as bise:
        reply: list[Neighbour] = bise.ask("neighbours")
    if json:
        show.as_json(reply)
        return
    show.table(("port", "address", "mac", "state", "used"), (_row(neighbour) for neighbour in reply))


def _row(neighbour: Neighbour) -> tuple[object, ...]:
    used_ns = neighbour["used_ns_ago"]
    used = "never" if used_ns is None else f"{show.duration(used_ns)} ago"
    return neighbour["port"], neighbour["address"], neighbour["mac"], neighbour["state"], used
