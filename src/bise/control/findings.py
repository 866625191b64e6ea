"""What `bise check` says about one thing."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding means for `bise run`: nothing, a price, or that it can't."""

    GOOD = "good"
    COSTS = "costs"
    STOPS = "stops"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice`: what to do about it, empty if nothing is to be done."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""
