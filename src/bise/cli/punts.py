"""`bise punts`: packets given to the kernel, by reason."""

from bise.cli import reasons
from bise.cli.words import Json, Name


def punts(name: Name = "default", json: Json = False) -> None:
    """Show how many packets were given to the kernel, by reason."""
    reasons.ask("punts", name, json, nothing="nothing punted")
