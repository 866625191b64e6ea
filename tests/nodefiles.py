"""Where node files of tests lie, and one that several tests use. A file is at the same place in each test and run, as
what was compiled of it is found by its path, too."""

from pathlib import Path

from tests.structure.sources import ROOT

# meter.py: counts, and drops nothing.
COUNTING = """from enum import IntEnum
from bise.node import Drop, Header, Insert, Part, le64, node
from bise.wire.ipv4 import IPv4, Protocol

class State(Header):
    seen = le64()
    ports = le64()

def prepare(state, ports):
    state.ports = len(ports)

class Count(IntEnum):
    ON = 0
    OFF = 1

@node(Count, State)
def count(packet, state, now):
    state.seen += 1
    return Count.ON

PART = Part({count: {Count.OFF: Drop("meter.off", "told to")}}, (Insert(count, "ipv4.input", "VALID", Count.ON),))
"""


def folder(name: str) -> Path:
    """A folder of this name, which may have files of the last run in it."""
    place = ROOT / "build" / "node-files" / name
    place.mkdir(parents=True, exist_ok=True)
    return place
