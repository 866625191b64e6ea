"""Leads packets through a user's node that copies to, and sends by, whatever port the packet names.

    python -m tests.engine.wild HALVES

HALVES, 0 or 1: whether bursts stop behind that node to ask a question. Prints what became of each burst, and how many
copies there were and were not. AssertionError if a packet is lost.
"""

import json
import sys

from bise.engine.graph import build
from bise.engine.node import NOWHERE
from bise.engine.nodefile import keep, load, read
from bise.engine.worker import BURST
from bise.hot import MODE, Region
from bise.ports.mbuf import ROOM
from tests.engine import steps
from tests.engine.rig import Frame, Rig
from tests.nodefiles import folder

PORTS = 3
NONE = 0xFFFF  # no port
FILE = """
from enum import IntEnum
from bise.node import TRANSMIT, Header, Insert, NO_PORT, Part, copy_to, le16, node, u8
class Word(Header):
    edge = u8()
    egress = u8()
    rounds = le16()
    copy = le16()
    way_out = le16()
    again = le16()
class Wild(IntEnum):
    ON = 0
    OUT = 1
@node(Wild, copies=True)
def wild(packet, state, now):
    word = Word(packet, 0)
    copy_to(packet, word.copy)
    word.rounds = 7
    packet.egress = word.way_out
    return Wild.OUT if word.way_out != NO_PORT else Wild.ON
class Wilder(IntEnum):
    ON = 0
@node(Wilder, copies=True)
def wilder(packet, state, now):
    copy_to(packet, Word(packet, 0).again)
    return Wilder.ON
BEFORE, ON = Insert(wilder, "steps.begin", "ON", Wilder.ON), Insert(wild, "steps.begin", "ON", Wild.ON)
PART = Part({wild: {Wild.OUT: TRANSMIT}}, (ON, BEFORE))
"""


def frame(copy: int, way_out: int = 0, further: int = 0, octets: int = 60, again: int = NONE) -> Frame:
    """One that begins with what the nodes read."""
    words = bytes([5, 0, 0, 0]) + b"".join(word.to_bytes(2, "little") for word in (copy, way_out, again))
    return Frame(words + bytes(octets - len(words)), further)


BURSTS = {
    "none": [frame(NONE)],
    "one": [frame(1)],
    "by the port that it leaves by": [frame(0, 0)],
    "a full burst": [frame(1, 1)] * BURST,
    "twice each of a full burst": [frame(1, 1, again=1)] * BURST,
    "to no port": [frame(PORTS), frame(0xFFFE), frame(255)],
    "not in one piece": [frame(1, further=10)],
    "too large for one": [frame(1, octets=ROOM + 1)],
    "out by no port": [frame(NONE, PORTS), frame(NONE, 0xFFFE)],
    "on": [frame(1, NONE)],
}


def main(halves: bool) -> dict[str, object]:
    path = folder(f"wild-{MODE.value}") / "wild.py"
    path.write_text(FILE)
    written = read(path)
    keep(written)
    file, memory = load(written), Region(4096, huge_pages=False)
    graph = build("steps.begin", [steps.PART, steps.TURNING, *[steps.WEIGHING] * halves, file.part], always=(NOWHERE,))
    states = {kind: memory.address + 64 * number for number, kind in enumerate({node.state for node in graph.order})}
    rig, told = Rig(graph, PORTS, states), {}
    for name, frames in BURSTS.items():
        before = rig.worker.copied, rig.worker.uncopied
        became = rig.run(2, frames)
        counts = rig.worker.copied - before[0], rig.worker.uncopied - before[1]
        copies = [(egress, octets.hex()) for egress, octets in became.copies]
        told[name] = {"sinks": became.sinks, "copied": counts, "copies": copies, "sent": len(became.sent)}
    total = rig.crew.sums()
    duty, names = rig.member.plan.duty, {f"{kind.__module__}.{kind.__qualname__}": at for kind, at in states.items()}
    rig.crew.publish(rig.pipeline, [duty], {name: [at] for name, at in names.items()})
    assert rig.crew.sums() == total  # the worker may still be in the middle of the old plan
    rig.worker.epoch += 1
    rig.crew.epochs.advance()
    assert rig.crew.sums() == total
    assert rig.run(2, [frame(1)]).copies
    rig.close()
    return told


if __name__ == "__main__":
    print(json.dumps(main(bool(int(sys.argv[1])))))
