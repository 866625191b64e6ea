"""Comparing what we hold with what Linux dumps: at the start, after a loss, and all the time (the audit).

A dump takes a while, and announcements go on meanwhile. Only what differs is kept; at the end the announcements that
came since the beginning are applied to that, too, and what still differs is put right. So a survey of a million equal
routes needs little memory, and interrupts nobody for long: it is done in steps.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from bise.control.changes import Tracked
from bise.control.netlink import decode, rules
from bise.control.netlink.kinds import AF_OF_FAMILY, Kind
from bise.control.netlink.message import Message, attribute
from bise.control.netlink.routes import ROUTE, RouteDecoder
from bise.control.netlink.sockets import DumpSocket
from bise.control.network import Network
from bise.control.objects import Destination, Link, Neighbour, NeighbourState, Prefix, Route

_MOST_EVENTS = 400_000
_CHUNK = 20_000
_MOST_EXAMPLES = 4
_IFLA_EXT_MASK, _SKIP_STATISTICS = 29, 8  # RTEXT_FILTER_SKIP_STATS

Steps: TypeAlias = Generator[Callable[[], Any], Any, None]
_Decode: TypeAlias = Callable[[bytes, int, int], Any]


class Subject(NamedTuple):
    """Something that can be dumped by itself."""

    name: str
    table: str
    """The attribute of `Network` that holds it."""
    family: int
    """4 or 6; 0 is any."""
    request: Kind
    answer: Kind
    body: bytes

    def covers(self, key: Any) -> bool:
        return self.family == 0 or key.family == self.family


def _families(name: str, request: Kind, answer: Kind, body: Callable[[int], bytes]) -> list[Subject]:
    return [Subject(f"{name}{f}", name, f, request, answer, body(AF_OF_FAMILY[f])) for f in (4, 6)]


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        "links",
        "links",
        0,
        Kind.GET_LINK,
        Kind.NEW_LINK,
        decode.LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, _SKIP_STATISTICS),
    ),
    *_families("settings", Kind.GET_SETTINGS, Kind.NEW_SETTINGS, lambda af: decode.SETTINGS.pack(af)),
    *_families("addresses", Kind.GET_ADDRESS, Kind.NEW_ADDRESS, lambda af: decode.ADDRESS.pack(af, 0, 0, 0, 0)),
    *_families("neighbours", Kind.GET_NEIGHBOUR, Kind.NEW_NEIGHBOUR, lambda af: decode.NEIGHBOUR.pack(af, 0, 0, 0, 0)),
    Subject("next_hops", "next_hops", 0, Kind.GET_NEXT_HOP, Kind.NEW_NEXT_HOP, decode.NEXT_HOP.pack(0, 0, 0, 0)),
    *_families("routes", Kind.GET_ROUTE, Kind.NEW_ROUTE, lambda af: ROUTE.pack(af, 0, 0, 0, 0, 0, 0, 0, 0)),
    *_families("rules", Kind.GET_RULE, Kind.NEW_RULE, lambda af: rules.RULE.pack(af, 0, 0, 0, 0, 0, 0)),
)
ROUTES_6 = next(subject for subject in SUBJECTS if subject.name == "routes6")
SILENT_SUBJECTS = tuple(subject for subject in SUBJECTS if subject.table in ("next_hops", "routes"))
"""What may change without a word when a link or an address does."""

_DECODERS: dict[str, _Decode] = {
    "links": decode.decode_link,
    "settings": decode.decode_settings,
    "addresses": decode.decode_address,
    "neighbours": decode.decode_neighbour,
    "next_hops": decode.decode_next_hop,
    "rules": rules.decode_rule,
}
_KEYS: dict[str, Callable[[Any], Any]] = {
    "links": lambda link: link.index,
    "settings": lambda settings: settings.key,
    "addresses": lambda address: address.key,
    "neighbours": lambda neighbour: neighbour.key,
    "next_hops": lambda next_hop: next_hop.id,
    "rules": lambda rule: rule,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a survey came to."""

    divergences: dict[str, int]
    """How many objects were wrong, by table."""
    complete: bool
    """False where the dump can't be relied on to show every IPv6 route as it is: none was removed for not being in it,
    and those that changed meanwhile were left as announcements made them."""
    examples: tuple[str, ...] = ()
    """Some of what was wrong, in words."""


class Survey:
    """One comparison of `live` with Linux. `steps` to the end, then `finish`; meanwhile `note` every announcement."""

    def __init__(self, live: Network, decoder: RouteDecoder, socket: DumpSocket, subjects: tuple[Subject, ...]) -> None:
        self.spoiled = False
        """Set where announcements were lost."""
        self._live = live
        self._decoder = decoder
        self._socket = socket
        self._subjects = subjects
        self._upheavals = live.upheavals
        self._scratch = Network(decoder, infers=False)
        self._seen: dict[str, set[Any]] = {subject.table: set() for subject in subjects}
        self._suspects: dict[str, set[Any]] = {subject.table: set() for subject in subjects}
        self._events: list[tuple[bytes, Message]] = []
        self._moving_6 = False
        self._since_6 = 0  # how many announcements had come when the dump of IPv6's routes began
        self._doubtful = False
        self._examples: list[str] = []

    def note(self, buffer: bytes, message: Message) -> None:
        """An announcement, already applied to `live`, that arrived since the survey began."""
        if len(self._events) < _MOST_EVENTS:
            self._events.append((buffer, message))
        else:
            self.spoiled = True

    @property
    def disturbed(self) -> bool:
        """Whether something happened since the survey began that it can't account for."""
        return self.spoiled or self._live.upheavals != self._upheavals

    def steps(self) -> Steps:
        """Do the work of about a millisecond at each step. Raises NetlinkError where Linux or its answer is faulty.

        Each step yields a call that may have to wait in the kernel, and wants to be sent what it returns."""
        for subject in self._subjects:
            before = len(self._events)
            yield partial(self._socket.start, subject.request, subject.body)
            take = self._take_routes(subject) if subject.table == "routes" else self._take_others(subject)
            yield from take
            if self._socket.interrupted:
                self.spoiled = True
            if subject is ROUTES_6:
                self._since_6 = before
                self._moving_6 = any(_is_route_6(*event) for event in self._events[before:])
        for subject in self._subjects:
            yield from self._miss(subject)

    def _take_others(self, subject: Subject) -> Steps:
        decoder, key_of = _DECODERS[subject.table], _KEYS[subject.table]
        live, scratch = self._tables(subject.table)
        seen = self._seen[subject.table]
        while (part := (yield self._socket.part)) is not None:
            buffer, found = part
            for message in found:
                value = decoder(buffer, message.start, message.end) if message.type == subject.answer else None
                if value is None or not subject.covers(key := key_of(value)):
                    continue
                seen.add(key)
                if live.values.get(key) != value:
                    scratch.values[key] = value

    def _take_routes(self, subject: Subject) -> Steps:
        """Linux tells the routes of one prefix one after the other: gather them, compare with ours.

        A dump of IPv6 that goes on elsewhere in a table that has changed meanwhile may tell one twice."""
        gathered: Prefix | None = None
        routes: tuple[Route, ...] = ()
        decoder_decode = self._decoder.decode
        while (part := (yield self._socket.part)) is not None:
            buffer, found = part
            for _, _, _, start, end in found:
                told = decoder_decode(buffer, start, end)
                if told is None:
                    continue
                prefix, one = told
                if prefix == gathered:
                    routes = _joined(routes, one)
                    continue
                if gathered is not None:
                    self._take_destination(gathered, routes)
                gathered, routes = prefix, one
        if gathered is not None:
            self._take_destination(gathered, routes)

    def _take_destination(self, prefix: Prefix, routes: tuple[Route, ...]) -> None:
        live, scratch = self._live.routes.values, self._scratch.routes.values
        seen = self._seen["routes"]
        present = live.get(prefix)
        if prefix in seen:  # source-specific routes come apart from the others, and a dump may begin anew (IPv6)
            earlier = scratch.get(prefix, present)
            routes = _joined(() if earlier is None else earlier.routes, routes)
        if present is not None and (present.routes is routes or present.routes == routes):
            seen.add(present.prefix)
            scratch.pop(prefix, None)
        else:
            seen.add(prefix)
            scratch[prefix] = Destination(prefix, routes)

    def _miss(self, subject: Subject) -> Steps:
        """What we hold and the dump didn't show."""
        live, _ = self._tables(subject.table)
        seen, suspects = self._seen[subject.table], self._suspects[subject.table]
        for chunk in _chunks(live.values):
            suspects.update(key for key in chunk if key not in seen and subject.covers(key))
            yield _nothing

    def finish(self, *, at_last: bool = False) -> Outcome | None:
        """Apply what came meanwhile, put right what differs. None if the survey has to be done again.

        `at_last` makes the best of a survey that things always come between."""
        if self.disturbed and not at_last:
            return None
        for name, suspects in self._suspects.items():
            live, scratch = self._tables(name)
            if live.values or live.touched:
                suspects.update(scratch.values)
        for buffer, message in self._events:
            self._scratch.apply(buffer, message)
        announced = None if at_last else self._announced_6()
        divergences = {name: self._settle(name, announced) for name in self._seen}
        complete = not (self._moving_6 or self._doubtful)
        return Outcome(divergences, complete, tuple(self._examples))

    def _announced_6(self) -> set[Prefix]:
        """IPv6 prefixes that something was announced of since their dump began. It may show beside each other what came
        one after the other; what announcements have made of ours is right, unless one was lost before."""
        told = (
            self._decoder.decode(buffer, message.start, message.end)
            for buffer, message in self._events[self._since_6 :]
            if _is_route_6(buffer, message)
        )
        return {one.prefix for one in told if one is not None}

    def _settle(self, name: str, announced: set[Prefix] | None) -> int:
        """Put right a table, save IPv6 routes that the dump may show as they never were; None: these, too."""
        live, scratch = self._tables(name)
        if not live.values and not live.touched:
            live.fill(scratch.values)
            if name != "neighbours":
                return len(scratch.values)
            return sum(_matters(None, value) for value in scratch.values.values())
        wrong = 0
        for key in self._suspects[name]:
            ours, theirs = live.values.get(key), scratch.values.get(key)
            if ours == theirs:
                continue
            if announced is not None and name == "routes" and key.family == 6:
                if key in announced:
                    self._doubtful = True
                    continue
                if theirs is None and self._moving_6:
                    continue
            if _matters(ours, theirs):
                wrong += 1
                self._give_example(f"{name}: held {ours}, Linux has {theirs}")
            live.set(key, theirs)
        return wrong

    def _give_example(self, words: str) -> None:
        if len(self._examples) < _MOST_EXAMPLES:
            self._examples.append(words)

    def _tables(self, name: str) -> tuple[Tracked[Any, Any], Tracked[Any, Any]]:
        return getattr(self._live, name), getattr(self._scratch, name)


def _chunks(values: Mapping[Any, Any]) -> Iterator[list[Any]]:
    """The keys of a dictionary that may change between two chunks; then they are copied, which takes its time."""
    keys = iter(values)
    try:
        while chunk := list(islice(keys, _CHUNK)):
            yield chunk
    except RuntimeError:
        copied = list(values)
        for start in range(0, len(copied), _CHUNK):
            yield copied[start : start + _CHUNK]


def _nothing() -> None:
    """A step that waits for nobody."""


def _is_route_6(buffer: bytes, message: Message) -> bool:
    """Whether an announcement is of an IPv6 route: then Linux may have begun its dump anew, and skipped some."""
    is_route = message.type in (Kind.NEW_ROUTE, Kind.DELETE_ROUTE)
    return is_route and buffer[message.start : message.start + 1] == bytes([AF_OF_FAMILY[6]])


def _joined(earlier: tuple[Route, ...], routes: tuple[Route, ...]) -> tuple[Route, ...]:
    return earlier + tuple(route for route in routes if route not in earlier)


def _matters(ours: Any, theirs: Any) -> bool:
    """Whether a difference is a fault of the mirror, not one that Linux doesn't announce: a neighbour's steps, and a
    program that was put on a link without netlink (BPF_LINK_CREATE), as ours are."""
    if isinstance(ours, Link) and isinstance(theirs, Link):
        return replace(ours, xdp_program=theirs.xdp_program) != theirs
    if isinstance(ours, Neighbour) or isinstance(theirs, Neighbour):
        return _resolved(ours) != _resolved(theirs)
    return True


def _resolved(neighbour: Neighbour | None) -> int | None:
    """The MAC that resolution found. Linux makes entries that need none (NOARP: multicast …) without a word."""
    if neighbour is None or not neighbour.valid or neighbour.state is NeighbourState.NOARP:
        return None
    return neighbour.mac
