"""What Linux can be asked for by itself, and what is to be known of each kind of object for that."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from bise.control.netlink import decode, rules
from bise.control.netlink.kinds import AF_OF_FAMILY, Kind
from bise.control.netlink.message import attribute
from bise.control.netlink.routes import ROUTE
from bise.control.objects import Link, Neighbour, NeighbourState

_IFLA_EXT_MASK, _SKIP_STATISTICS = 29, 8  # RTEXT_FILTER_SKIP_STATS

Decode: TypeAlias = Callable[[bytes, int, int], Any]


def _always(ours: Any, theirs: Any) -> bool:
    return True


def _differs_in_what_is_announced(ours: Link | None, theirs: Link | None) -> bool:
    """Programs put on a link without netlink (BPF_LINK_CREATE), as ours are, are announced by nobody."""
    if ours is None or theirs is None:
        return True
    return replace(ours, xdp_program=theirs.xdp_program) != theirs


def _differs_in_mac(ours: Neighbour | None, theirs: Neighbour | None) -> bool:
    return _resolved(ours) != _resolved(theirs)


def _resolved(neighbour: Neighbour | None) -> int | None:
    """The MAC that resolution found. Linux makes entries that need none (NOARP: multicast …) without a word."""
    if neighbour is None or not neighbour.valid or neighbour.state is NeighbourState.NOARP:
        return None
    return neighbour.mac


class Sort(NamedTuple):
    """A kind of object, in one attribute of `Network`."""

    table: str
    """The attribute's name."""
    request: Kind
    answer: Kind
    decode: Decode | None
    """Makes the object of a message; None: they are routes, of which whole buffers are read at once."""
    key: Callable[[Any], Any]
    """The object's key in its table."""
    matters: Callable[[Any, Any], bool] = _always
    """Whether a difference, of which None is an absence, is a fault of the mirror's, and no step of which Linux doesn't
    speak."""


class Subject(NamedTuple):
    """What one dump shows: the objects of a kind, or those of one family."""

    sort: Sort
    family: int
    """4 or 6; 0 is any."""
    body: bytes
    """Of the request."""

    def covers(self, key: Any) -> bool:
        return self.family == 0 or key.family == self.family


def _identity(one: Any) -> Any:
    return one


def _key(one: Any) -> Any:
    return one.key


def _number(one: Any) -> Any:
    return one.id


def _index(one: Any) -> Any:
    return one.index


def _families(sort: Sort, body: Callable[[int], bytes]) -> list[Subject]:
    return [Subject(sort, family, body(AF_OF_FAMILY[family])) for family in (4, 6)]


_LINKS = Sort("links", Kind.GET_LINK, Kind.NEW_LINK, decode.decode_link, _index, _differs_in_what_is_announced)
_SETTINGS = Sort("settings", Kind.GET_SETTINGS, Kind.NEW_SETTINGS, decode.decode_settings, _key)
_ADDRESSES = Sort("addresses", Kind.GET_ADDRESS, Kind.NEW_ADDRESS, decode.decode_address, _key)
_NEIGHBOURS = Sort("neighbours", Kind.GET_NEIGHBOUR, Kind.NEW_NEIGHBOUR, decode.decode_neighbour, _key, _differs_in_mac)
_NEXT_HOPS = Sort("next_hops", Kind.GET_NEXT_HOP, Kind.NEW_NEXT_HOP, decode.decode_next_hop, _number)
_ROUTES = Sort("routes", Kind.GET_ROUTE, Kind.NEW_ROUTE, None, _identity)
_RULES = Sort("rules", Kind.GET_RULE, Kind.NEW_RULE, rules.decode_rule, _identity)

SUBJECTS: tuple[Subject, ...] = (
    Subject(_LINKS, 0, decode.LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, _SKIP_STATISTICS)),
    *_families(_SETTINGS, lambda af: decode.SETTINGS.pack(af)),
    *_families(_ADDRESSES, lambda af: decode.ADDRESS.pack(af, 0, 0, 0, 0)),
    *_families(_NEIGHBOURS, lambda af: decode.NEIGHBOUR.pack(af, 0, 0, 0, 0)),
    Subject(_NEXT_HOPS, 0, decode.NEXT_HOP.pack(0, 0, 0, 0)),
    *_families(_ROUTES, lambda af: ROUTE.pack(af, 0, 0, 0, 0, 0, 0, 0, 0)),
    *_families(_RULES, lambda af: rules.RULE.pack(af, 0, 0, 0, 0, 0, 0)),
)
SILENT_SUBJECTS = tuple(subject for subject in SUBJECTS if subject.sort in (_NEXT_HOPS, _ROUTES))
"""What may change without a word when a link or an address does."""
