"""`bise punts`: packets given to the kernel, by reason."""

from bise.cli import reasons
from bise.cli.reasons import Sample, Seconds
from bise.cli.words import Json, Name


def punts(name: Name = "default", json: Json = False, sample: Sample = False, seconds: Seconds = 2.0) -> None:
    """Show how many packets were given to the kernel, by reason."""
    reasons.ask("punts", name, json, nothing="nothing punted", sample_s=seconds if sample else None)
