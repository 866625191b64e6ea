"""IPv6's tables: the forwarding table behind `Routes`."""

from collections.abc import Mapping, Sequence

import numpy as np

from bise.control.changes import Change
from bise.control.objects import Prefix
from bise.features.feature import Feature, Notes, PortFacts, Surroundings
from bise.features.ipv6.nodes import PART
from bise.features.ipv6.state import State
from bise.features.nexthop.control import Hops
from bise.features.nexthop.routes import Routes
from bise.features.nexthop.show import Shown
from bise.hot import Header, Region
from bise.tables.prefix128 import Prefix128

# What Linux judges before or beside its routes (net/ipv6/ip6_input.c): unspecified, loopback, link-local, multicast.
FIXED = ((0, 128), (1, 128), (0xFE80 << 112, 10), (0xFF << 120, 8))
_HALF = (1 << 64) - 1


class WholeKeys:
    """A Prefix128 whose keys are whole addresses."""

    def __init__(self, table: Prefix128) -> None:
        self._table = table

    def insert(self, prefix: int, length: int, value: int) -> None:
        self._table.insert(prefix >> 64, prefix & _HALF, length, value)

    def delete(self, prefix: int, length: int) -> None:
        self._table.delete(prefix >> 64, prefix & _HALF, length)

    def get(self, prefix: int, length: int) -> int:
        return self._table.get(prefix >> 64, prefix & _HALF, length)

    def load(self, prefixes: Sequence[int], lengths: Sequence[int], values: Sequence[int]) -> Sequence[int]:
        highs = np.array([prefix >> 64 for prefix in prefixes], "u8")
        lows = np.array([prefix & _HALF for prefix in prefixes], "u8")
        return self._table.load(highs, lows, lengths, values).tolist()  # type: ignore[no-any-return]

    def unload(self, prefixes: Sequence[int], lengths: Sequence[int]) -> Sequence[int]:
        before = []
        for prefix, length in zip(prefixes, lengths, strict=True):
            before.append(self.get(prefix, length))
            if before[-1]:
                self.delete(prefix, length)
        return before


class Control(Feature):
    """All that IPv6 keeps."""

    part = PART

    def __init__(self, surroundings: Surroundings) -> None:
        hops = surroundings.find(Hops)
        self.fib = Prefix128(surroundings.retire)
        self.routes = Routes(6, WholeKeys(self.fib), hops, surroundings.mirror, FIXED)
        self._shown = Shown(self.routes, hops, surroundings.mirror)
        self._links: set[int] = set()  # of the ports
        self._region = Region(State.size, huge_pages=False)
        self.state = State(self._region.address)
        self.state.fib, self.state.hops = self.fib.address, hops.address
        self.state.hashing = hops.hashing[6].address

    def states(self) -> Mapping[type[Header], int]:
        return {State: self.state.address}

    def follow(self, changes: Sequence[Change]) -> None:
        self.routes.follow(changes)

    def set_port(self, port: PortFacts) -> None:
        if port.link not in self._links:
            self._links.add(port.link)
            self.routes.links_differ(port.link)

    def drop_port(self, port: PortFacts) -> None:
        self._links.discard(port.link)
        self.routes.links_differ(port.link)

    def why_left(self, place: Prefix) -> str:
        return self.routes.why(place.destination, place.length) if place.family == 6 else ""

    def why(self, node: str, notes: Notes) -> str:
        return self._shown.why(node, notes)

    def overflow(self) -> Mapping[int, str]:
        return {6: next(iter(self.routes.unplaced.values()))} if self.routes.unplaced else {}

    def shares(self) -> dict[str, tuple[int, int]]:
        return {"IPv6 routes": self.routes.shares()}

    def close(self) -> None:
        self.fib.close()
        self._region.close()
