"""`python -m tests.offline.rigged SEED COUNT`: packets through the pipeline over DPDK's pool, one by one, as JSON.

In a process of its own: where ports without a wire were made, no pool of DPDK's is asked any more.
"""

import json
import sys

from tests.features.agree import whole_graph
from tests.features.frames import bursts


def main(seed: int, count: int) -> None:
    rig, features = whole_graph()
    found = []
    for port, frames in bursts(seed, count):
        for frame in frames:
            outcome = rig.run(port, [frame])
            (sink,) = (name for name, packets in outcome.sinks.items() if packets)
            found.append((sink, [(egress, octets.hex()) for egress, octets in outcome.sent.values()]))
    rig.close()
    for feature in features:
        feature.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
