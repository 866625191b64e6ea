"""IPv4's tables: the forwarding table behind `Routes`, and the filter of doubtful sources."""

from collections.abc import Iterable, Mapping, Sequence

from bise.control.changes import Change, Rerouted, Single
from bise.control.objects import TABLE_LOCAL, Address, Prefix, Route, RouteKind
from bise.features.feature import Feature, Notes, PortFacts, Surroundings
from bise.features.ipv4.logic import is_odd_source, own_hash
from bise.features.ipv4.nodes import PART
from bise.features.ipv4.state import CHECKS_AT, DOUBTS_SIZE, FIRST_OCTETS, OWN_AT, OWN_HASHES, SourceCheck, State
from bise.features.nexthop.control import Hops
from bise.features.nexthop.routes import Routes
from bise.features.nexthop.show import Shown
from bise.hot import Header, Region, load8, plain, store8
from bise.tables.prefix32 import Prefix32

# What Linux judges before it looks at routes (net/ipv4/route.c, ip_route_input_slow): no address, loopback,
# multicast, limited broadcast.
FIXED = ((0, 32), (127 << 24, 8), (224 << 24, 4), (0xFFFFFFFF, 32))


class Control(Feature):
    """All that IPv4 keeps."""

    part = PART

    def __init__(self, surroundings: Surroundings) -> None:
        hops = surroundings.find(Hops)
        self.fib = Prefix32(surroundings.retire)
        self.routes = Routes(4, self.fib, hops, surroundings.mirror, FIXED)
        self._shown = Shown(self.routes, hops, surroundings.mirror)
        self._own: set[int] = set()  # numbers of prefixes
        self._region = Region(DOUBTS_SIZE + State.size, huge_pages=False)
        self._links: dict[int, set[Address]] = {}  # IPv4 addresses of each link
        self._ports: dict[int, PortFacts] = {}  # by link
        self.state = State(self._region.address + DOUBTS_SIZE)
        self.state.fib, self.state.hops, self.state.doubts = self.fib.address, hops.address, self._region.address
        self.state.hashing = hops.hashing[4].address
        self._region.array("u1", 0, FIRST_OCTETS)[:] = odd_first_octets()

    def states(self) -> Mapping[type[Header], int]:
        return {State: self.state.address}

    def follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Rerouted):
                if (change.family, change.table) == (4, TABLE_LOCAL):
                    self._own_changed(change)
            else:
                self._address_changed(change)
        self.routes.follow(changes)

    def _own_changed(self, told: Rerouted) -> None:
        for number, routes in zip(told.prefixes, told.after, strict=True):
            if routes is not None and is_local(routes):
                self._own.add(number)
            else:
                self._own.discard(number)
        self.set_own((number >> 8, number & 255) for number in self._own)

    def _address_changed(self, change: Single) -> None:
        for address, present in ((getattr(change, "old", None), False), (getattr(change, "new", None), True)):
            if isinstance(address, Address) and address.family == 4:
                held = self._links.setdefault(address.link, set())
                (held.add if present else held.discard)(address)
                if address.link in self._ports:
                    self._set_check(self._ports[address.link])

    def _set_check(self, port: PortFacts) -> None:
        check = SourceCheck(min(port.rp_filter, SourceCheck.LOOSE))
        if check is SourceCheck.LOOSE and not self._links.get(port.link):
            check = SourceCheck.LOOSE_UNADDRESSED
        store8(self.state.doubts + CHECKS_AT + port.number, check)

    def set_port(self, port: PortFacts) -> None:
        known = port.link in self._ports
        self._ports[port.link] = port
        self._set_check(port)
        if not known:
            self.routes.links_differ(port.link)

    def drop_port(self, port: PortFacts) -> None:
        self._ports.pop(port.link, None)
        self.routes.links_differ(port.link)

    def why_left(self, place: Prefix) -> str:
        return self.routes.why(place.destination, place.length) if place.family == 4 else ""

    def why(self, node: str, notes: Notes) -> str:
        if node == "ipv4.input" and notes.edge in ("REVERSE_PATH", "DOUBTFUL_SOURCE"):
            check = SourceCheck(load8(self.state.doubts + CHECKS_AT + notes.port)).name.lower().replace("_", " ")
            return f"back to the source: {self._shown.way_back(notes)}; checked as rp_filter says: {check}"
        return self._shown.why(node, notes)

    def overflow(self) -> Mapping[int, str]:
        return {4: next(iter(self.routes.unplaced.values()))} if self.routes.unplaced else {}

    def shares(self) -> dict[str, tuple[int, int]]:
        return {"IPv4 routes": self.routes.shares()}

    def set_own(self, prefixes: Iterable[tuple[int, int]]) -> None:
        """The addresses of this host: nobody else may send from them. Where whole networks were made local by hand, the
        filter lets every source through to the look-up."""
        hashes = bytearray(OWN_HASHES)
        for address, length in prefixes:
            if length == 32:
                hashes[plain(own_hash)(address)] = 1
            elif (address, length) not in FIXED:
                hashes = bytearray(b"\1" * OWN_HASHES)
        self._region.array("u1", OWN_AT, OWN_HASHES)[:] = memoryview(hashes)

    def close(self) -> None:
        """No worker is left."""
        self.fib.close()
        self._region.close()


def odd_first_octets() -> list[int]:
    """By first octet, 1 where a source may be odd whatever follows."""
    is_odd = plain(is_odd_source)
    return [any(is_odd(octet << 24 | rest) for rest in (0, 0xFFFFFF)) for octet in range(FIRST_OCTETS)]


def is_local(routes: Iterable[Route]) -> bool:
    """Whether packets that follow one of them are for this host, alone or among others."""
    return any(route.kind in (RouteKind.LOCAL, RouteKind.BROADCAST) for route in routes)
