"""What `drops` and `punts` share: packets by reason, the most frequent first."""

from bise.cli import show
from bise.control.messages import Reason
from bise.control.socket import ControlClient


def ask(verb: str, name: str, json: bool, nothing: str) -> None:
    """Shows the reply to `verb`, or the line `nothing` if every count is zero."""
    with ControlClient(name) as bise:
        reply: list[Reason] = bise.ask(verb)
    if json:
        show.as_json(reply)
        return
    counted = sorted((reason for reason in reply if reason["packets"]), key=lambda reason: -reason["packets"])
    if not counted:
        show.line(nothing)
        return
    show.table(
        ("reason", "packets#", "meaning"),
        ((reason["reason"], reason["packets"], reason["meaning"]) for reason in counted),
    )
