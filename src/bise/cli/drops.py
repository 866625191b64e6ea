"""`bise drops`: packets that ended here, by reason."""

from bise.cli import reasons
from bise.cli.reasons import Sample, Seconds
from bise.cli.words import Json, Name


def drops(name: Name = "default", json: Json = False, sample: Sample = False, seconds: Seconds = 2.0) -> None:
    """Show how many packets were dropped, by reason."""
    reasons.ask("drops", name, json, nothing="nothing dropped", sample_s=seconds if sample else None)
