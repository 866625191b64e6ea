"""Leads packets made by chance through the graph of all features and prints a digest of what became of each.

    python -m tests.features.agree make FILE COUNT SEED
    python -m tests.features.agree lead FILE [twin] [watched]

With `watched` they take the way through the instrumented twin of the pipeline, and what it tells is looked at.
AssertionError where the slow twin (asked with `twin`) says otherwise or mostly nothing, where a packet is lost, or
where the counters don't add up; the kernel ends a run that touches an octet beside a packet, and OutOfBounds one that
would in checked mode.
"""

import hashlib
import json
import pickle
import sys
from collections import Counter
from pathlib import Path

from bise import daemon
from bise.engine.graph import build
from bise.engine.watch import CAME, LEFT
from bise.engine.watching import Wanted
from bise.engine.ways import read
from bise.features.feature import Feature, Surroundings
from bise.tables.retire import immediately
from tests.engine.rig import Frame, Outcome, Rig
from tests.features import naive, world
from tests.features.frames import bursts

DEPTH = 128


def whole_graph() -> tuple[Rig, list[Feature]]:
    """The features of the daemon, over the world made by hand. Their memory lives as long as they do."""
    network = world.network()
    features = daemon.make_features(Surroundings(network, immediately, ports=256))
    world.tell(features, network)
    states = {kind: address for feature in features for kind, address in feature.states().items()}
    return Rig(build(daemon.START, [feature.part for feature in features]), len(world.PORTS), states), features


def expected(port: int, frames: list[Frame]) -> Outcome | None:
    """What the twin says of a burst; None where it can't."""
    fates = []
    for frame in frames:
        fate = naive.fate(world.PORTS[port], frame.octets, frame.further)
        if fate is None:
            return None
        fates.append(fate)
    # Only what is in one piece is written to Linux's TAP.
    whole = [fate for fate, frame in zip(fates, frames, strict=True) if frame.further == 0]
    sent = {place: (fate.egress, fate.octets) for place, fate in enumerate(fates) if fate.sink == "transmit"}
    punted = [fate.octets for fate in whole if fate.sink.startswith("punt ")]
    return Outcome(dict(Counter(fate.sink for fate in fates)), sent, punted)


def check_told(rig: Rig, frames: list[Frame], found: Outcome) -> None:
    """Each packet's way is told: what came, each node's edge, how it left the last of them."""
    assert rig.watching is not None
    ways = [read(record) for record in rig.watching.read(len(frames))]
    assert [way.came for way in ways] == [frame.octets for frame in frames]
    names = [sink.name for sink in rig.graph.sinks]
    assert +Counter(names[way.sink] for way in ways) == +Counter(found.sinks)
    assert {n: (way.egress, way.left) for n, way in enumerate(ways) if way.sink == 0} == found.sent
    for way in ways:
        at = rig.graph.order[0].name
        for step in way.steps:
            node = rig.graph.order[step.node]
            assert node.name == at
            at = rig.graph.edges[at][node.edges(step.edge).name]
        assert at == names[way.sink]
        assert way.sink != 0 or way.steps[-1].octets == way.left[:DEPTH]
    whole = [way for way in ways if names[way.sink].startswith("punt ") and way.came_total == len(way.came)]
    assert [way.steps[-1].octets for way in whole] == [octets[:DEPTH] for octets in found.punted]


def main(path: Path, with_twin: bool, watched: bool = False) -> tuple[str, dict[str, int]]:
    """The digest, and how many packets reached each sink."""
    (rig, features), state, total = whole_graph(), hashlib.sha256(), Counter({})
    if watched:
        rig.watch(Wanted(sides=CAME | LEFT, depth=DEPTH))
    made, judged = pickle.loads(path.read_bytes()), 0
    for number, (port, frames) in enumerate(made):
        found = rig.run(port, frames)
        twin = expected(port, frames) if with_twin else None
        assert twin is None or found == twin, f"burst {number} on {port}\n{found}\n{twin}"
        judged += twin is not None
        if watched:
            check_told(rig, frames, found)
        state.update(repr((sorted(found.sinks.items()), sorted(found.sent.items()), found.punted)).encode())
        total.update(found.sinks)
    assert judged > len(made) // 2 or not with_twin
    assert sum(total.values()) == sum(len(frames) for _, frames in made)
    assert rig.crew.sums() == total
    assert sum(rig.queue(port.number).received for port in world.PORTS) == sum(total.values())
    rig.close()
    for feature in features:
        feature.close()
    return state.hexdigest(), {sink.name: total[sink.name] for sink in rig.graph.sinks}


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "make":
        place.write_bytes(pickle.dumps(bursts(int(sys.argv[4]), int(sys.argv[3]))))
    else:
        print(json.dumps(main(place, "twin" in sys.argv, "watched" in sys.argv)))
