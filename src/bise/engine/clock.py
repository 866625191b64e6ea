"""The cycle counter as Python sees it, for calibration; workers read it in their loop."""

from bise.hot import cycles, entry


@entry(0)
def read_cycles():
    """The processor's time-stamp counter."""
    return cycles()
