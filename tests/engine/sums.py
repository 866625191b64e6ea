"""Bursts made by chance for nodes that do as a packet says: the counters add up after each, whatever becomes of it.

python -m tests.engine.sums BURSTS SEED ASKING, which prints how many packets were received and what became of them.
ASKING, 0 or 1: whether bursts begin with questions.
"""

import json
import sys
from collections import Counter
from random import Random

from bise.engine.graph import build
from bise.engine.node import Part, Timer
from bise.engine.worker import BURST
from bise.hot import Region
from tests.engine import steps
from tests.engine.rig import Frame, Rig

PERIOD_NS = 10_000_000
NAMES = ("transmit", "drop steps.dropped", "punt steps.punted", "punt steps.urgent", "drop steps.short")
PORTS = 3


def frame(chance: Random) -> Frame:
    octets = bytes([chance.choice((0, 0, 1, 2, 3, 5, 77)), chance.randrange(PORTS)]) + chance.randbytes(58)
    cut = octets[: chance.randrange(4)] if chance.random() < 0.1 else octets
    return Frame(cut, chance.choice((0, 0, 0, 0, 50)))


def fate(made: Frame) -> str:
    """Told naively; there is no `turn`, so that what goes on to it is dropped."""
    if len(made.octets) < 4:
        return NAMES[4]
    return {0: NAMES[0], 2: NAMES[2], 3: NAMES[3]}.get(made.octets[0], NAMES[1])


def questions(frames: list[Frame]) -> Counter[bool]:
    """How many nodes found their own question put, and how many didn't: two for each packet that comes to them."""
    weighed = [made.octets for made in frames if len(made.octets) >= 4 and made.octets[0] == steps.Begin.ON]
    return Counter(octets[2] % 4 < 2 for octets in weighed for _ in range(2))


def main(bursts: int, seed: int, asks: bool) -> None:
    state, asked = Region(steps.State.size, huge_pages=False), Counter[bool]()
    asking = [steps.WEIGHING, steps.AGAIN, steps.WEIGHING_TOLD] if asks else []
    graph = build("steps.begin", [steps.PART, Part(steps.TOLD, timers=(Timer(steps.tell, PERIOD_NS),)), *asking])
    rig, chance, total, octets = Rig(graph, PORTS, {steps.State: state.address}), Random(seed), Counter({}), 0
    for _ in range(bursts):
        frames = [frame(chance) for _ in range(chance.randrange(1, BURST + 1))]
        port, fates = chance.randrange(PORTS), [fate(made) for made in frames]
        found = rig.run(port, frames, step_ns=chance.choice((1000, 1_000_000)))
        assert found.sinks == dict(Counter(fates))
        assert {place: egress for place, (egress, _) in found.sent.items()} == {
            place: made.octets[1] for place, made in enumerate(frames) if fates[place] == "transmit"
        }
        total.update(fates)
        asked.update(questions(frames) if asks else {})
        octets += sum(len(made.octets) + made.further for made in frames)
        received = rig.crew.received()
        assert rig.crew.sums().total() == total.total() == sum(received[n, "packets"] for n in range(PORTS))
        assert sum(received[number, "octets"] for number in range(PORTS)) == octets
    punting, punts = rig.member.punting, total[NAMES[2]] + total[NAMES[3]]
    assert punting.delivered + punting.failed + punting.over_budget == punts
    assert sum(rig.queue(number).punted for number in range(PORTS)) == punting.delivered
    record = steps.State(state.address)
    assert (record.asked, record.told, record.untold) == (total.total(), asked[True], asked[False])
    told = {"received": sum(received[number, "packets"] for number in range(PORTS)), "sinks": dict(+rig.crew.sums())}
    print(json.dumps(told))
    _ring(rig, record)
    assert record.untold - asked[False] == 5 * asks
    _lose_a_port(rig)
    rig.close()


def _ring(rig: Rig, record: steps.State) -> None:
    """The clock calls once a period, and every second time a packet of ours leaves and is counted. It has asked for
    nothing, though a burst has just asked the same."""
    rig.run(0, [Frame(bytes([steps.Begin.ON, 1]) + bytes(58))])
    before, sent, told = rig.crew.sums(), 0, record.told
    for _ in range(10):
        rig.worker.now += PERIOD_NS
        for _ in range(2):
            assert rig.pipeline.tick is not None
            made = rig.pipeline.tick(rig.worker.address, rig.member.plan.record.address, 0)
            sent += made
            taken = rig.ports[1].take()
            assert made == len(taken)
            rig.pool.put(taken)
    assert sent == 5
    assert rig.worker.originated == 5
    assert record.told == told
    assert dict(rig.crew.sums() - before) == {"transmit": 5}
    if rig.worker.spare:
        rig.pool.put([rig.worker.spare])
        rig.worker.spare = 0


def _lose_a_port(rig: Rig) -> None:
    """What still goes to a port that is gone, the last one, is dropped burst by burst and not left on its lane."""
    gone = PORTS - 1
    rig.publish(gone)
    for _ in range(3):
        lane = rig.member.lane(gone)
        before = lane.dropped
        found = rig.run(0, [Frame(bytes([0, gone]) + bytes(58))] * BURST)
        assert (found.sinks, found.sent, lane.dropped - before, lane.count) == ({"transmit": BURST}, {}, BURST, 0)


if __name__ == "__main__":
    bursts, seed, asks = map(int, sys.argv[1:])
    main(bursts, seed, bool(asks))
