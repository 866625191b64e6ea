"""Bursts through the instrumented twin of a small graph, in a process of its own: what is looked at, and what isn't.

    python -m tests.engine.watched

Prints what became of the packets, in bursts that ask nothing and in bursts that begin with questions.
AssertionError where a packet is lost, changed or told of wrongly.
"""

import ctypes
import json

from bise.engine.duty import Duty
from bise.engine.graph import build
from bise.engine.node import Part
from bise.engine.watch import CAME, LEFT
from bise.engine.watching import EVERY, Wanted
from bise.engine.ways import Way, read
from bise.engine.worker import BURST
from tests.engine import steps
from tests.engine.rig import Frame, Rig

EDGES = {"transmit": 0, "drop steps.dropped": 1, "punt steps.punted": 2, "drop steps.over": 5}


def frame(sink: str, egress: int = 0, mark: int = 0) -> Frame:
    """A packet that is to end there."""
    return Frame(bytes([EDGES[sink], egress, 0, 0, mark]) + bytes(55))


def ways(rig: Rig, most: int = 1000) -> list[Way]:
    assert rig.watching is not None
    return [read(record) for record in rig.watching.read(most)]


def sinks(rig: Rig, found: list[Way]) -> list[str]:
    return [rig.graph.sinks[way.sink].name for way in found]


def watched_again(rig: Rig, wanted: Wanted | None) -> None:
    if rig.watching is not None:
        rig.watching.end()
    rig.watch(wanted)


def check_which_packets_are_told(rig: Rig) -> None:
    burst = [frame("transmit", 0), frame("transmit", 1, 7), frame("drop steps.dropped"), frame("punt steps.punted")]
    all_of_them = ["transmit", "transmit", "drop steps.dropped", "punt steps.punted"]
    watched_again(rig, Wanted(port=0))
    for port in (0, 1):
        rig.run(port, burst)
    found = ways(rig)
    assert sinks(rig, found) == all_of_them
    assert {way.port for way in found} == {0}
    assert [way.came for way in found] == [one.octets for one in burst]
    assert all(not way.left and not way.steps for way in found)
    watched_again(rig, Wanted(port=1, sides=LEFT))
    for port in (0, 1):
        rig.run(port, burst)
    found = ways(rig)
    assert [(way.port, way.egress, way.left[4], way.came) for way in found] == [(0, 1, 7, b""), (1, 1, 7, b"")]
    watched_again(rig, Wanted(port=1, sides=CAME | LEFT, room=8))
    rig.run(0, burst)
    rig.run(1, burst)
    found = ways(rig)
    assert sinks(rig, found) == ["transmit", *all_of_them]
    assert [len(way.came) for way in found] == [0, 8, 8, 8, 8]
    assert [len(way.left) for way in found] == [8, 0, 8, 0, 0]
    assert [way.came_total for way in found] == [60] * 5


def check_samples(rig: Rig, steps_on: list[tuple[int, int, int]]) -> None:
    """So many of each sink and no more, however many come."""
    watched_again(rig, Wanted(sinks={"drop steps.dropped": 1, "drop steps.over": 2}, depth=16))
    for _ in range(5):
        rig.run(0, [frame("transmit"), frame("drop steps.over"), frame("drop steps.dropped")])
    found = ways(rig)
    assert sinks(rig, found) == ["drop steps.over", "drop steps.dropped", "drop steps.over"]
    assert [[(step.node, step.edge, len(step.octets)) for step in way.steps] for way in found[:2]] == [
        steps_on,
        [(0, 1, 16)],
    ]
    assert [way.steps[0].octets[0] for way in found] == [5, 1, 5]


def check_a_full_ring(rig: Rig) -> None:
    """Nobody reads: the bare pipeline goes on, nothing is lost, and what wasn't looked at is counted."""
    watched_again(rig, Wanted(port=0))
    assert rig.watching is not None
    burst = [frame("transmit", mark=number) for number in range(BURST)]
    sent = sum(len(rig.run(0, burst).sent) for _ in range(80))
    assert sent == 80 * BURST
    seen, missed = rig.watching.looked()
    assert (seen + missed, seen) == (sent, 2048)
    found = ways(rig, 100)
    assert [way.came[4] for way in found] == [number % BURST for number in range(100)]
    rig.run(0, burst)
    assert rig.watching.looked() == (seen + BURST, missed)
    assert len(ways(rig, 5000)) == 2048 - 100 + BURST
    assert rig.watching.timing().bare[0] == missed


def check_cycles(rig: Rig) -> None:
    """One burst in EVERY is timed; the others' cycles are counted as a whole."""
    watched_again(rig, None)
    assert rig.watching is not None
    for _ in range(3 * (EVERY + 1)):
        rig.run(0, [frame("transmit"), frame("drop steps.over")])
    timing = rig.watching.timing()
    assert [packets for packets, _ in timing.nodes] == [6] + [3] * (len(timing.nodes) - 1)
    assert timing.bare[0] == 2 * 3 * EVERY
    assert timing.bare[1] > 0
    assert ways(rig) == []


def check_who_has_the_plan(rig: Rig) -> None:
    """Ending gives the bare plan back; a plan published meanwhile stays."""
    member, watching = rig.member, rig.watching
    assert watching is not None
    assert member.plan is not None
    bare = member.plan.record
    before = ctypes.string_at(bare.address, type(bare).size)
    assert (watching.stands(), member.record.plan != bare.address) == (True, True)
    watching.end()
    assert member.record.plan == bare.address
    assert ctypes.string_at(bare.address, type(bare).size) == before
    rig.watch(None)
    names = {f"{steps.State.__module__}.State": 0}
    rig.crew.publish(rig.pipeline, [Duty((), ())], names)
    new = member.plan.record.address
    assert member.record.plan == new != bare.address
    assert rig.watching is not None
    assert not rig.watching.stands()
    rig.watching.end()
    assert member.record.plan == new


def main() -> None:
    seen = check([steps.PART, steps.TURNING], [(0, 5, 16), (1, 1, 16)])
    asking = check([steps.PART, steps.TURNING, steps.WEIGHING], [(0, 5, 16), (1, 0, 16), (2, 1, 16)])
    print(json.dumps({"seen": seen, "asking": asking}))


def check(parts: list[Part], steps_on: list[tuple[int, int, int]]) -> dict[str, int]:
    """`steps_on`: nodes and edges of a packet that goes on from the first node. What became of all packets."""
    memory = ctypes.create_string_buffer(steps.State.size)
    rig = Rig(build("steps.begin", parts), 2, {steps.State: ctypes.addressof(memory)})
    check_which_packets_are_told(rig)
    check_samples(rig, steps_on)
    check_a_full_ring(rig)
    check_cycles(rig)
    check_who_has_the_plan(rig)
    sums = dict(+rig.crew.sums())
    rig.crew.stop()
    rig.close()
    return sums


if __name__ == "__main__":
    main()
