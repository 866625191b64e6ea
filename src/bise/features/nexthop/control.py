"""From what routes want to next-hop records: one for each neighbour, each kind of end and each group, shared by all
routes that lead there.

A record is written before anything leads to it. One that readers may hold changes in one word (`kind`), or through a
round of all workers: first nobody is to follow it, then, an epoch later, it gets its new address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bise.control.changes import Change, subjects
from bise.control.gates.settings import Multipath, Settings
from bise.control.objects import Neighbour, NeighbourState, mac_text
from bise.errors import BiseError
from bise.features.feature import Feature, Notes, PortFacts, Surroundings
from bise.features.nexthop import hashing
from bise.features.nexthop.nodes import PART
from bise.features.nexthop.state import WINDOW_BITS, Hashing, Hop, HopKind, Member, State
from bise.hot import Header, Region
from bise.tables.retire import Retire

MAX_HOPS = 1 << 16
MAX_MEMBERS = 1 << 16  # of all groups
HASH_RANGE = 1 << 31


@dataclass(frozen=True, slots=True)
class End:
    """The way ends here: every kind but FORWARD and GROUP."""

    kind: HopKind


@dataclass(frozen=True, slots=True)
class Via:
    """To a neighbour on a link, for packets of `route_family` (a neighbour's own may be another, RFC 5549); `mtu` in
    octets, 0 for the link's own."""

    link: int
    family: int
    address: int
    mtu: int = 0
    route_family: int = 4


@dataclass(frozen=True, slots=True)
class Several:
    """One of several by the flow's hash: each with the upper bound of its share of 2^31, in order. `careful`: Linux
    passes over those whose neighbours it asked in vain."""

    shares: tuple[tuple[int, "Via | End"], ...]
    careful: bool = False


Want = End | Via | Several


def shares(parts: Sequence[tuple[int, Via | End]]) -> tuple[tuple[int, Via | End], ...]:
    """Upper bounds of the parts' shares of the hash's range by weight, as Linux rounds them (fib_rebalance)."""
    total, sum_, found = sum(weight for weight, _ in parts), 0, []
    for weight, part in parts:
        sum_ += weight
        found.append(((sum_ * HASH_RANGE + total // 2) // total - 1, part))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Egress:
    """A link that is a port of ours. The families of `punted` leave by it only through Linux."""

    port: int
    mac: int
    mtu: int
    mtu6: int = 1500
    punted: frozenset[int] = frozenset()


class TooManyHops(BiseError):
    """There is no room for another next hop."""


@dataclass(slots=True)
class _Kept:
    """A record in use: who wants it, how often, and, for a neighbour, what it says now."""

    want: Want
    index: int
    claims: int = 0
    mac: int | None = None
    turning: bool = False  # between two addresses: it waits for the workers
    members: int = 0  # first of its members
    inner: list[int] = field(default_factory=list)


class Hops:
    """The next hops of a process. Used by the control thread alone."""

    def __init__(self, retire: Retire, capacity: int = MAX_HOPS) -> None:
        self._retire = retire
        self._region = Region(capacity * Hop.size + MAX_MEMBERS * Member.size + State.size + 2 * Hashing.size)
        self._members_at = self._region.address + capacity * Hop.size
        self.state = State(self._members_at + MAX_MEMBERS * Member.size)
        self.state.hops = self._region.address
        first = self.state.address + State.size
        self.hashing = {4: Hashing(first), 6: Hashing(first + Hashing.size)}
        self.why_linux_chooses = dict.fromkeys(self.hashing, "the hash policy is not known yet")
        for record in self.hashing.values():
            record.linux = 1
        self._free = list(range(capacity - 1, 0, -1))
        self._free_members: dict[int, list[int]] = {}
        self._next_member = 0
        self._kept: dict[Want, _Kept] = {}
        self._by_index: dict[int, _Kept] = {}
        self._by_neighbour: dict[tuple[int, int, int], set[int]] = {}
        self._egress: dict[int, Egress] = {}
        self._macs: dict[tuple[int, int, int], int] = {}
        self._lost: set[tuple[int, int, int]] = set()  # neighbours that Linux asked in vain

    @property
    def address(self) -> int:
        """Where the array of records is."""
        return self._region.address

    def record(self, index: int) -> Hop:
        """The record itself."""
        return Hop(self._region.address + index * Hop.size)

    def wanted(self, index: int) -> Want:
        """What a record in use is for; the end of all that has no route, where it is in use no longer."""
        kept = self._by_index.get(index)
        return End(HopKind.NO_ROUTE) if kept is None else kept.want

    def index_at(self, address: int) -> int:
        """The index of the record at an address."""
        return (address - self._region.address) // Hop.size

    def mac_of(self, want: Via) -> int | None:
        """The MAC that Linux knows for a neighbour."""
        return self._macs.get((want.link, want.family, want.address))

    def claim(self, want: Want, claims: int = 1) -> int:
        """The index of the record for `want`, made if need be; `release` gives one claim back. Raises TooManyHops."""
        if isinstance(want, End) and want.kind is HopKind.NO_ROUTE:
            return 0
        kept = self._kept.get(want) or self._make(want)
        kept.claims += claims
        return kept.index

    def release(self, index: int, claims: int = 1) -> None:
        """So many claims less; a record that nobody claims is used again once no worker can hold it."""
        if index == 0:
            return
        kept = self._by_index[index]
        kept.claims -= claims
        if kept.claims:
            return
        del self._kept[kept.want], self._by_index[index]
        if isinstance(kept.want, Via):
            self._by_neighbour[kept.want.link, kept.want.family, kept.want.address].discard(index)
        self._retire(lambda: self._reuse(kept))

    def _reuse(self, kept: _Kept) -> None:
        self.record(kept.index).kind = HopKind.NO_ROUTE
        self._free.append(kept.index)
        if isinstance(kept.want, Several):
            self._free_members.setdefault(len(kept.inner), []).append(kept.members)
            for index in kept.inner:
                self.release(index)

    def _make(self, want: Want) -> _Kept:
        if not self._free:
            raise TooManyHops(f"more than {len(self._by_index)} next hops")
        kept = _Kept(want, self._free.pop())
        record = self.record(kept.index)
        record.kind, record.lost, record.mtu, record.used = HopKind.NO_ROUTE, 0, 0, 0
        if isinstance(want, End):
            record.kind = want.kind
        elif isinstance(want, Several):
            self._make_group(kept, want)
        self._kept[want] = self._by_index[kept.index] = kept
        if isinstance(want, Via):
            self._by_neighbour.setdefault((want.link, want.family, want.address), set()).add(kept.index)
            self._refresh(kept)
        return kept

    def _make_group(self, kept: _Kept, want: Several) -> None:
        try:
            for _, part in want.shares:
                kept.inner.append(self.claim(part))
            kept.members = self._room_for(len(want.shares))
        except TooManyHops:
            for index in kept.inner:
                self.release(index)
            self._free.append(kept.index)
            raise
        start = self._members_at + kept.members * Member.size
        for number, (bound, _) in enumerate(want.shares):
            member = Member(start + number * Member.size)
            member.bound, member.hop = bound, kept.inner[number]
        record = self.record(kept.index)
        record.members, record.egress, record.lost = start, len(want.shares), want.careful
        record.kind = HopKind.GROUP

    def _room_for(self, count: int) -> int:
        """The first of `count` free members in a row."""
        recycled = self._free_members.get(count)
        if recycled:
            return recycled.pop()
        if self._next_member + count > MAX_MEMBERS:
            raise TooManyHops(f"more than {MAX_MEMBERS} members in groups of next hops")
        self._next_member += count
        return self._next_member - count

    def set_link(self, link: int, egress: Egress | None) -> None:
        """A link became a port of ours, changed, or is one no longer (None)."""
        if self._egress.get(link) == egress:
            return
        if egress is None:
            del self._egress[link]
        else:
            self._egress[link] = egress
        for key, indices in self._by_neighbour.items():
            if key[0] == link:
                for index in indices:
                    self._refresh(self._by_index[index])

    def is_port(self, link: int) -> bool:
        """Whether packets may leave by a link without Linux."""
        return link in self._egress

    def set_neighbour(self, link: int, family: int, address: int, mac: int | None, lost: bool = False) -> None:
        """Linux knows another MAC for a neighbour, or none (None); `lost`: and asked for it in vain."""
        key = (link, family, address)
        (self._lost.add if lost else self._lost.discard)(key)
        if mac is None:
            self._macs.pop(key, None)
        else:
            self._macs[key] = mac
        for index in self._by_neighbour.get(key, ()):
            self._refresh(self._by_index[index])

    def _refresh(self, kept: _Kept) -> None:
        """Makes a neighbour's record say what is known now."""
        want, record = kept.want, self.record(kept.index)
        assert isinstance(want, Via)
        key = (want.link, want.family, want.address)
        egress, mac = self._egress.get(want.link), self._macs.get(key)
        if kept.turning:
            return  # it is looked at again when the workers have passed
        record.lost = key in self._lost
        if egress is None or want.route_family in egress.punted:
            record.kind = HopKind.OTHER_LINK
        elif mac is None:
            record.kind = HopKind.UNRESOLVED
        elif kept.mac is None or self._says(record, want, egress, mac):
            self._write(kept, want, egress, mac)
        else:
            record.kind, kept.turning = HopKind.UNRESOLVED, True
            self._retire(lambda: self._turned(kept))

    def _turned(self, kept: _Kept) -> None:
        kept.turning, kept.mac = False, None
        if self._by_index.get(kept.index) is kept:
            self._refresh(kept)

    def _says(self, record: Hop, want: Via, egress: Egress, mac: int) -> bool:
        start, end = _words(mac, egress.mac)
        same = (record.macs & (1 << 64) - 1, record.macs_end, record.egress, record.mtu)
        return same == (start, end, egress.port, want.mtu or _mtu(egress, want.route_family))

    def _write(self, kept: _Kept, want: Via, egress: Egress, mac: int) -> None:
        record = self.record(kept.index)
        record.macs, record.macs_end = _words(mac, egress.mac)
        record.egress, record.mtu = egress.port, want.mtu or _mtu(egress, want.route_family)
        record.kind, kept.mac = HopKind.FORWARD, mac

    def set_multipath(self, family: int, multipath: Multipath, secret: int) -> None:
        """How Linux tells flows apart now. `secret`: 32 bits in place of a seed that it keeps to itself."""
        rule = hashing.rule(family, multipath)
        self.why_linux_chooses[family] = rule.why
        hashing.write(self.hashing[family], rule, multipath, secret)

    def used(self, now: int) -> dict[tuple[int, int, int], int]:
        """How long ago, in ns and to a window's length, neighbours (link, family, address) carried a packet."""
        window = now >> WINDOW_BITS
        found: dict[tuple[int, int, int], int] = {}
        for key, indices in self._by_neighbour.items():
            last = max((self.record(index).used for index in indices), default=0)
            if last:
                found[key] = max(0, window - last) << WINDOW_BITS
        return found

    def __len__(self) -> int:
        return len(self._by_index)

    def close(self) -> None:
        """No worker is left."""
        self._region.close()


class Control(Feature):
    """Offers the next hops to IPv4 and IPv6, and keeps what Linux knows of neighbours and ports in them."""

    part = PART

    def __init__(self, surroundings: Surroundings) -> None:
        self.hops = Hops(surroundings.retire)
        self._secret = surroundings.draw("nexthop.secret", 32)
        surroundings.offers[Hops] = self.hops

    def states(self) -> Mapping[type[Header], int]:
        return {State: self.hops.state.address}

    def follow(self, changes: Sequence[Change]) -> None:
        for neighbour, is_there in subjects(changes):
            if isinstance(neighbour, Neighbour):
                mac = neighbour.mac if neighbour.valid and is_there else None
                lost = neighbour.state is NeighbourState.FAILED and is_there
                self.hops.set_neighbour(neighbour.link, neighbour.family, neighbour.address, mac, lost)

    def set_settings(self, settings: Settings) -> None:
        self.hops.set_multipath(4, settings.multipath4, self._secret)
        self.hops.set_multipath(6, settings.multipath6, self._secret)

    def set_port(self, port: PortFacts) -> None:
        self.hops.set_link(port.link, Egress(port.number, port.mac, port.mtu, port.mtu6, port.punted))

    def drop_port(self, port: PortFacts) -> None:
        self.hops.set_link(port.link, None)

    def why(self, node: str, notes: Notes) -> str:
        target, source = (mac_text(int.from_bytes(notes.octets[at : at + 6], "big")) for at in (0, 6))
        return f"to {target} from {source}"

    def used_neighbours(self, now: int) -> Mapping[tuple[int, int, int], int]:
        return self.hops.used(now)

    def close(self) -> None:
        self.hops.close()


def _words(destination: int, source: int) -> tuple[int, int]:
    """Both MACs as they stand in an Ethernet header, as a 64-bit and a 32-bit word of this machine."""
    octets = destination.to_bytes(6, "big") + source.to_bytes(6, "big")
    return int.from_bytes(octets[:8], "little"), int.from_bytes(octets[8:], "little")


def _mtu(egress: Egress, family: int) -> int:
    return egress.mtu if family == 4 else min(egress.mtu, egress.mtu6)
