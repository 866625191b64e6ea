"""From Linux's routes and neighbours to a forwarding table: for each prefix the next hop that Linux would take now.

IPv4 and IPv6 differ in their tables and in `fixed`, prefixes that are Linux's whatever its routes say. A neighbour on
a connected network stands in the table like a route to its own address; the network's prefix itself leads to Linux,
which finds out who answers there.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence

from bise.control.changes import Change, Removed, Rerouted
from bise.control.objects import TABLE_LOCAL, TABLE_MAIN, Link, Neighbour, NextHopObject, Route
from bise.features.nexthop.control import End, Hops, Several, Via, Want
from bise.features.nexthop.fib import GONE, KERNEL, Alike, Batch, Fib, FibWriter
from bise.features.nexthop.state import HopKind
from bise.features.nexthop.wants import Network, Wants

_MANY = 4  # prefixes that a batch is worth while for


class Routes:
    """One family's forwarding table, kept as Linux's routes and neighbours ask. Used by the control thread alone."""

    def __init__(self, family: int, fib: Fib, hops: Hops, network: Network, fixed: Iterable[tuple[int, int]]) -> None:
        self.family, self.bits = family, 32 if family == 4 else 128
        self._fib, self._hops, self._network = fib, hops, network
        self._wants = Wants(family, hops, network)
        self._writer = FibWriter(fib, hops)
        self._put = self._writer.put
        self.unplaced = self._writer.unplaced
        self._fixed = frozenset(fixed)
        self._near_fixed = _first_octets(self._fixed, self.bits)
        self._hosts: list[int] = []  # addresses of valid neighbours, sorted
        self._links_of: dict[int, set[int]] = {}  # links where an address is a valid neighbour
        self._placed: set[int] = set()  # neighbours that stand in the table
        self._plural: dict[int, set[tuple[int, int]]] = {}  # by link: prefixes with several paths or routes
        self._by_object: dict[int, set[tuple[int, int]]] = {}  # prefixes by the next-hop object that they name
        self._on_link: dict[int, set[tuple[int, int]]] = {}  # by link: prefixes that lead to neighbours there
        self._local: set[int] = set()  # numbers of prefixes in the local table
        self._shadows: set[tuple[int, int]] = set()  # IPv6 networks that were made local by hand
        self._count = 0
        self._left: set[tuple[int, int]] = set()  # prefixes that only Linux can follow
        self._several: set[tuple[int, int]] = set()  # prefixes that lead to one of several next hops
        for prefix, length in self._fixed:
            self._put(prefix, length, KERNEL)

    def follow(self, changes: Sequence[Change]) -> None:
        """What the mirror tells of routes, neighbours, links and next-hop objects."""
        for change in changes:
            if isinstance(change, Rerouted):
                if change.family == self.family and change.table in (TABLE_LOCAL, TABLE_MAIN):
                    self._reroute(change)
                continue
            subject = change.old if isinstance(change, Removed) else change.new
            if isinstance(subject, Neighbour):
                if subject.family == self.family:
                    valid = subject.valid and not isinstance(change, Removed)
                    self.set_neighbour(subject.link, subject.address, valid)
            elif isinstance(subject, Link):
                self.link_changed(subject.index)
            elif isinstance(subject, NextHopObject):
                self.object_changed(subject.id)

    def _reroute(self, told: Rerouted) -> None:
        self._count += told.before.count(None) - told.after.count(None)
        if told.table == TABLE_MAIN:
            self._set_destinations(told.prefixes, told.after)
            return
        for number, after in zip(told.prefixes, told.after, strict=True):
            if after is None:
                self._local.discard(number)
            else:
                self._local.add(number)
        for number, after in zip(told.prefixes, told.after, strict=True):
            self.set_destination(number >> 8, number & 255)
            self._note_shadow(number >> 8, number & 255, after is not None)

    def _set_destinations(self, numbers: Sequence[int], after: Sequence[tuple[Route, ...] | None]) -> None:
        """The main table's routes to these prefixes have changed: as `set_destination` for each, in few calls."""
        if len(numbers) < _MANY:
            for number in numbers:
                self.set_destination(number >> 8, number & 255)
            return
        batch = Batch(self._writer)
        by_identity = {id(routes): routes for routes in after}
        alikes = {number: self._alike(routes, batch) for number, routes in by_identity.items()}
        found = [alikes[id(routes)] for routes in after]
        alone = self._alone(numbers, found)
        if alone:
            rows = [row for row in zip(numbers, found, strict=True) if row[0] not in alone]
            numbers, found = [number for number, _ in rows], [alike for _, alike in rows]
        prefixes, lengths = [number >> 8 for number in numbers], [number & 255 for number in numbers]
        common = [alike for alike in found if alike is not None]
        self._note_alikes(prefixes, lengths, common)
        batch.write(prefixes, lengths, common)
        for prefix, length in self._around_hosts(prefixes, lengths):
            self._place_hosts(prefix, length)
        for number in alone:
            self.set_destination(number >> 8, number & 255)

    def _alone(self, numbers: Sequence[int], found: Sequence[Alike | None]) -> set[int]:
        """Those that are not like others: fixed ones, neighbours' addresses, what the local table has a word in."""
        if self._shadows:
            return set(numbers)
        top = self.bits  # the first octet of a number's prefix stands above so many bits
        alone = {number for number, alike in zip(numbers, found, strict=True) if alike is None}
        alone |= {number for number in numbers if number >> top in self._near_fixed}
        alone |= {number for number in numbers if number & 255 == self.bits and number >> 8 in self._links_of}
        return alone | self._local.intersection(numbers)

    def _alike(self, routes: tuple[Route, ...] | None, batch: Batch) -> Alike | None:
        """What all prefixes with these routes share; None where what they lead to depends on the prefix."""
        if routes is None:
            return GONE
        if len(routes) > 1 or any(path.via is None for path in self._network.paths(routes[0])):
            return None
        want = self._wants.first(routes, 0, 0)
        if want is None:
            return None
        noted = list(self._notes(routes))
        if _is_foreign(want):
            noted.append(self._left)
        if isinstance(want, Several):
            noted.append(self._several)
        return batch.alike(want, noted)

    def _note_alikes(self, prefixes: Sequence[int], lengths: Sequence[int], found: Sequence[Alike]) -> None:
        if not (self._left or self._several or any(alike.noted for alike in {id(one): one for one in found}.values())):
            return
        places = list(zip(prefixes, lengths, strict=True))
        self._left.difference_update(places)
        self._several.difference_update(places)
        for place, alike in zip(places, found, strict=True):
            for noted in alike.noted:
                noted.add(place)

    def _around_hosts(self, prefixes: Sequence[int], lengths: Sequence[int]) -> list[tuple[int, int]]:
        """Which of these prefixes have neighbours' addresses in them."""
        if not self._hosts:
            return []
        hosts = [*self._hosts, 1 << self.bits]
        within = [(1 << (self.bits - length)) - 1 for length in range(self.bits + 1)]
        rows = zip(prefixes, lengths, strict=True)
        return [
            (prefix, length) for prefix, length in rows if hosts[bisect_left(hosts, prefix)] <= prefix | within[length]
        ]

    def set_destination(self, prefix: int, length: int) -> None:
        """The routes to a prefix have changed, in whichever table."""
        if self._is_fixed(prefix, length):
            return
        want = self.want(prefix, length)
        self._note_want(prefix, length, want)
        if length == self.bits and want is None:
            self._place_host(prefix)
            return
        if length == self.bits:
            self._placed.discard(prefix)
        self._put(prefix, length, want)
        self._place_hosts(prefix, length)

    def _note_want(self, prefix: int, length: int, want: Want | None) -> None:
        """Keeps which prefixes Linux has to follow, and which lead to one of several."""
        (self._left.add if _is_foreign(want) else self._left.discard)((prefix, length))
        (self._several.add if isinstance(want, Several) else self._several.discard)((prefix, length))

    def _place_hosts(self, prefix: int, length: int) -> None:
        """Looks again at the neighbours in a prefix."""
        low, last = bisect_left(self._hosts, prefix), prefix | ((1 << (self.bits - length)) - 1)
        if low < len(self._hosts) and self._hosts[low] <= last:
            for address in self._hosts[low : bisect_right(self._hosts, last, low)]:
                self._place_host(address)

    def _note_shadow(self, prefix: int, length: int, present: bool) -> None:
        """IPv6 asks the local table first: a network made local by hand hides longer prefixes of the main one.

        (IPv4's two tables are one as long as there are no policy rules, and with such rules a gate stands.)
        """
        shadow = (prefix, length)
        if self.family == 4 or length == self.bits or self._is_fixed(prefix, length):
            return
        if present:
            self._shadows.add(shadow)
        else:
            self._shadows.discard(shadow)
        for other in list(self._network.routes):
            if other.family == 6 and other.table == TABLE_MAIN and _holds(shadow, other.destination, other.length, 128):
                self.set_destination(other.destination, other.length)

    def set_neighbour(self, link: int, address: int, valid: bool) -> None:
        """A neighbour became valid, or is so no longer."""
        links = self._links_of.setdefault(address, set())
        if valid and not links:
            insort(self._hosts, address)
        (links.add if valid else links.discard)(link)
        if not links:
            del self._links_of[address]
            place = bisect_left(self._hosts, address)
            if place < len(self._hosts) and self._hosts[place] == address:
                del self._hosts[place]
        self._place_host(address)

    def link_changed(self, link: int) -> None:
        """A link went up or down: routes with a choice may take another path."""
        for prefix, length in list(self._plural.get(link, ())):
            self.set_destination(prefix, length)

    def object_changed(self, number: int) -> None:
        """A next-hop object is another now: so are the routes that name it, or a group that it is in."""
        groups = [one.id for one in self._network.next_hops.values() if any(m.id == number for m in one.group)]
        for name in (number, *groups):
            for prefix, length in list(self._by_object.get(name, ())):
                self.set_destination(prefix, length)

    def links_differ(self, link: int) -> None:
        """A link became a port, or is one no longer: what leads to neighbours there is looked at again.

        Where a gateway stands between, its next hop says whether its link is a port."""
        for prefix, length in list(self._on_link.get(link, ())):
            self.set_destination(prefix, length)

    def shares(self) -> tuple[int, int]:
        """How many of Linux's prefixes are followed natively, and how many are left to Linux."""
        chosen = self._several if self._hops.why_linux_chooses[self.family] else set()
        left = len(self._left | chosen | self.unplaced.keys())
        return self._count - left, left

    def why(self, prefix: int, length: int) -> str:
        """Why a prefix is left to Linux; empty where it is not."""
        if (prefix, length) in self.unplaced:
            return self.unplaced[prefix, length]
        if (prefix, length) in self._several and self._hops.why_linux_chooses[self.family]:
            return f"one of several next hops: {self._hops.why_linux_chooses[self.family]}"
        if (prefix, length) not in self._left:
            return ""
        want = self.want(prefix, length)
        if isinstance(want, End) and want.kind is HopKind.OTHER_LINK:
            return "leaves by an interface that is no port"
        return "of a kind that only Linux follows (type of service, source, encapsulation, resilient group …)"

    def deciding(self, address: int) -> tuple[int, int, int] | None:
        """The longest prefix in the table that holds an address, its length, and the index of its next hop."""
        for length in range(self.bits, -1, -1):
            prefix = address >> (self.bits - length) << (self.bits - length)
            index = self._fib.get(prefix, length)
            if index:
                return prefix, length, index
        return None

    def is_host(self, prefix: int, length: int) -> bool:
        """Whether it is a neighbour's own address that stands in the table, and no route of Linux's."""
        return length == self.bits and prefix in self._placed

    def _is_fixed(self, prefix: int, length: int) -> bool:
        """Within what is Linux's anyway."""
        for top, shorter in self._fixed:  # noqa: SIM110 (no generator a route)
            if length >= shorter and (prefix ^ top) >> (self.bits - shorter) == 0:
                return True
        return False

    def _place_host(self, address: int) -> None:
        """A neighbour stands in the table where the longest prefix around it is its own connected network."""
        if self._is_fixed(address, self.bits) or self.want(address, self.bits) is not None:
            self._placed.discard(address)
            return
        hidden = any(_holds(shadow, address, self.bits, self.bits) for shadow in self._shadows)
        path = None if hidden else self._wants.connected(address)
        if path is not None and path.link in self._links_of.get(address, ()):
            self._placed.add(address)
            self._put(address, self.bits, Via(path.link, self.family, address, self._wants.mtu(address), self.family))
        elif address in self._placed or self._fib.get(address, self.bits):
            self._placed.discard(address)
            self._put(address, self.bits, None)

    def want(self, prefix: int, length: int) -> Want | None:
        """Where packets go that match this prefix best; None: as if it were not there."""
        candidates = self._wants.candidates(prefix, length)
        if candidates and any(_holds(shadow, prefix, length, self.bits) for shadow in self._shadows):
            return End(HopKind.LOCAL)
        for noted in self._notes(candidates):
            noted.add((prefix, length))
        return self._wants.first(candidates, prefix, length)

    def _notes(self, candidates: Sequence[Route]) -> Iterator[set[tuple[int, int]]]:
        """Where a prefix has to be noted that has these routes, because of what they depend on."""
        paths = [path for route in candidates for path in self._network.paths(route)]
        for path in paths:
            if len(paths) > 1 or len(candidates) > 1:
                yield self._plural.setdefault(path.link, set())
            if path.via is None:
                yield self._on_link.setdefault(path.link, set())
        for route in candidates:
            if route.next_hop_id:
                yield self._by_object.setdefault(route.next_hop_id, set())


def _first_octets(fixed: Iterable[tuple[int, int]], bits: int) -> frozenset[int]:
    """Those of all prefixes that may lie in one of the fixed."""
    found: set[int] = set()
    for prefix, length in fixed:
        first = prefix >> (bits - 8)
        found.update(range(first, first + (1 << max(0, 8 - length))))
    return frozenset(found)


def _holds(outer: tuple[int, int], prefix: int, length: int, bits: int) -> bool:
    """Whether one prefix is the other's or holds it; addresses of `bits` bits."""
    top, shorter = outer
    return length >= shorter and (prefix ^ top) >> (bits - shorter) == 0


def _is_foreign(want: Want | None) -> bool:
    """Whether Linux has to forward what leads here."""
    parts = [part for _, part in want.shares] if isinstance(want, Several) else [want]
    return any(isinstance(part, End) and part.kind in (HopKind.KERNEL, HopKind.OTHER_LINK) for part in parts)
