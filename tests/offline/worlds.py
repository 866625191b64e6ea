"""The world made by hand (tests/features/world.py) as a state, and packets made by chance as a capture."""

from collections.abc import Sequence
from pathlib import Path

from bise.control.gates.settings import Settings
from bise.offline.captures import Captured, Writer
from bise.offline.state import State
from tests.engine.rig import Frame
from tests.features import world

SECOND_NS = 1_000_000_000


def state() -> State:
    """All that decides there."""
    network = world.network()
    tables = (network.links, network.addresses, network.neighbours, network.next_hops, network.routes)
    objects = tuple(one for table in tables for one in table.values())
    settings = Settings(multipath4=world.POLICY[4], multipath6=world.POLICY[6])
    return State(tuple(port.facts for port in world.PORTS), settings, objects, {"nexthop.secret": 7}, name="world")


def capture(path: Path, frames: Sequence[tuple[int, Frame]]) -> None:
    """A pcapng: a packet a second, each on the interface of its port."""
    with Writer(path) as writer:
        for number, (port, frame) in enumerate(frames):
            total = len(frame.octets) + frame.further
            writer.write(Captured(frame.octets, total, number * SECOND_NS, world.PORTS[port].facts.name))
