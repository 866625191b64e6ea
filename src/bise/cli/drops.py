"""`bise drops`: packets that ended here, by reason."""

from bise.cli import reasons
from bise.cli.words import Json, Name


def drops(name: Name = "default", json: Json = False) -> None:
    """Show how many packets were dropped, by reason."""
    reasons.ask("drops", name, json, nothing="nothing dropped")
