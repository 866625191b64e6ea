"""What every feature's control side is to the daemon, and what it is given."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from bise.control.changes import Change
from bise.control.gates.settings import Settings
from bise.control.mirror import Mirror
from bise.control.objects import Prefix
from bise.engine.graph import Graph, build
from bise.engine.node import NOWHERE, Part
from bise.hot import Header
from bise.tables.retire import Retire

T = TypeVar("T")


@dataclass(frozen=True)
class PortFacts:
    """A port as features see it. `link`: Linux's interface of it; MTUs in octets of the IP packet.

    `punted`: families that may leave by it only through Linux. `rp_filter`: as the sysctls of the port and of all
    interfaces come to together. `gate`: bits 1 all, 2 IPv4, 4 IPv6 of what comes in here is Linux's.
    """

    number: int
    name: str
    link: int
    mac: int
    mtu: int
    mtu6: int
    incomplete_checksums: bool = False
    punted: frozenset[int] = frozenset()
    rp_filter: int = 0
    gate: int = 0


@dataclass(frozen=True)
class Notes:
    """A packet as a node left it, for `Feature.why`: its contiguous octets, and what its notes say."""

    octets: bytes
    port: int
    l3: int
    hop: int
    edge: str


@dataclass
class Surroundings:
    """What a feature stands in: the mirror, the epochs, and what features before it in the list have to offer.

    `drawn`: numbers drawn by chance, by name. Packets' ways depend on them, so `bise state` keeps them.
    """

    mirror: Mirror
    retire: Retire
    ports: int
    offers: dict[type[Any], Any] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)

    def find(self, kind: type[T]) -> T:
        """What another feature offers; KeyError where that is not in the list."""
        return self.offers[kind]  # type: ignore[no-any-return]

    def draw(self, name: str, bits: int) -> int:
        """A number of so many bits, drawn by chance once."""
        return self.drawn.setdefault(name, secrets.randbits(bits))


class Feature:
    """The control side of a feature. All of it runs in the control thread."""

    part: ClassVar[Part]

    def states(self) -> Mapping[type[Header], int]:
        """The address of each state record that the feature's nodes are given."""
        return {}

    def follow(self, changes: Sequence[Change]) -> None:
        """The mirror has changed; parents come before children. Applying a change twice is harmless."""

    def set_port(self, port: PortFacts) -> None:
        """A port was opened, or something about it has changed."""

    def drop_port(self, port: PortFacts) -> None:
        """A port is gone; workers may still have packets from it."""

    def set_settings(self, settings: Settings) -> None:
        """Linux's settings of the whole namespace have changed, or are known for the first time."""

    def overflow(self) -> Mapping[int, str]:
        """Families (4, 6) whose tables have no room for all that Linux wants, and why: they are Linux's alone."""
        return {}

    def shares(self) -> dict[str, tuple[int, int]]:
        """By kind of object: how many are native, and how many are left to Linux."""
        return {}

    def why_left(self, place: Prefix) -> str:
        """Why a route is left to Linux; empty where it is not, or is no business of this feature."""
        return ""

    def why(self, node: str, notes: Notes) -> str:
        """In words, what decided in a node of this feature; empty where the name of the edge says all."""
        return ""

    def used_neighbours(self, now: int) -> Mapping[tuple[int, int, int], int]:
        """How long ago, in ns and to about a second, neighbours (link, family, address) carried a packet."""
        return {}

    def close(self) -> None:
        """Gives memory back; no worker is left."""


MakeFeatures = Callable[[Surroundings], list[Feature]]


def graph_of(features: Sequence[Feature], start: str, incomplete_checksums: bool, users: Sequence[Part] = ()) -> Graph:
    """The graph of these features and of users' parts, from the entry node `start`. Features' nodes that stand on
    others' edges are left out where no port needs them."""
    parts = [feature.part for feature in features if incomplete_checksums or not feature.part.inserts]
    return build(start, [*parts, *users], always=(NOWHERE,) if users else ())


def states_of(features: Sequence[Feature]) -> dict[str, int]:
    """The addresses of all their state records by the full name of each record's class, as plans want them."""
    return {
        f"{kind.__module__}.{kind.__qualname__}": address
        for feature in features
        for kind, address in feature.states().items()
    }
