"""`bise confirm`: the administrator is still logged in, so Bise may keep the interfaces."""

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import Confirmed
from bise.control.socket import ControlClient


def confirm(name: Name = "default", json: Json = False) -> None:
    """Keep what `bise run --confirm` has taken over."""
    with ControlClient(name) as bise:
        reply: Confirmed = bise.ask("confirm")
    if json:
        show.as_json(reply)
    else:
        show.line("confirmed" if reply["was_waiting"] else "nothing waited to be confirmed")
