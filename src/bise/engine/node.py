"""Nodes, what an edge can lead to, and what a feature contributes to the graph."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from bise.hot import Header, hot

USERS = "bise_node_"  # the packages that users' files become begin like this


class PuntClass(Enum):
    """How urgent a packet is for Linux: each class has a budget of its own."""

    CONTROL = 0  # what keeps the router alive: ARP, neighbour discovery, routing protocols
    DATA = 1  # everything else


@dataclass(frozen=True)
class Transmit:
    """The packet leaves by port `packet.egress`."""

    name: str = "transmit"


@dataclass(frozen=True)
class Drop:
    """The packet ends here. `reason` is the counter's name, `meaning` a sentence for the operator."""

    reason: str
    meaning: str

    @property
    def name(self) -> str:
        return f"drop {self.reason}"


@dataclass(frozen=True)
class Punt:
    """The packet goes to Linux as if received on its port; it must not have been changed on the way here."""

    reason: str
    meaning: str
    urgency: PuntClass = PuntClass.DATA

    @property
    def name(self) -> str:
        return f"punt {self.reason}"


@dataclass(frozen=True)
class Nothing:
    """A timer's node has nothing to send: its empty packet is kept for the next time, and not counted."""

    name: str = "nothing"


Sink = Transmit | Drop | Punt | Nothing


@dataclass(frozen=True)
class To:
    """An edge to the node of that name, or, where no feature brings it, to `otherwise`."""

    node: str
    otherwise: Sink


Target = Sink | To
TRANSMIT = Transmit()
NOWHERE = Drop("nodes.no-port", "a node of the user's leads it out by a port that isn't there")
NOTHING = Nothing()


@dataclass(frozen=True)
class Node:
    """A step that decides about one packet: `function(packet, state, now) -> edge`, `now` in nanoseconds. The first of
    `edges` is the common one, which the others wait for.

    `name` is `feature.function`; `state` is the record class of the feature's state, an instance of which is the
    function's second argument. Only one that `copies` may ask for copies of its packet (`packet.copy_to`).
    """

    name: str
    module: str
    attribute: str
    edges: type[IntEnum]
    state: type[Header]
    function: Callable[..., int]
    source: Callable[..., int]
    copies: bool = False

    @property
    def is_users(self) -> bool:
        """Whether a file of the user's declares it."""
        return self.module.startswith(USERS)

    def __call__(self, packet: Any, state: Any, now: int) -> int:
        return self.function(packet, state, now)


class NoState(Header):
    """The state of a node that has none."""


def node(
    edges: type[IntEnum], state: type[Header] = NoState, copies: bool = False
) -> Callable[[Callable[..., int]], Node]:
    """Declares a node; its name is made of the feature's folder (or the file's name) and the function's."""

    def make(function: Callable[..., int]) -> Node:
        parts = function.__module__.split(".")
        feature = parts[-2] if parts[-1] == "nodes" else parts[-1]
        name = f"{feature}.{function.__name__}"
        return Node(name, function.__module__, function.__name__, edges, state, hot(function), function, copies)

    return make


@dataclass(frozen=True)
class Query:
    """What a node has to know of a table. A whole burst asks before the way of its first packet begins, so that all of
    it waits for memory together.

    `ask(packet, state)` is a guess: nothing has been checked yet, and nothing is noted but where the packet lies. If it
    looks as if it would come to the node, that puts the Question at `packet.question`, has the memory fetched that is
    needed first, and returns True. `answer(state, questions, count)` then goes on with all that were put, an array of
    `count` Questions, BURST at most. The node looks whether the Question at `packet.question` is the one that it would
    put now, and does without where it isn't: the packet may be another than it seemed, may have been changed on the
    way, or nobody asked for it.
    """

    node: str
    module: str
    attribute: str
    state: type[Header]
    ask: Callable[..., bool]
    answer: Callable[..., None]


def query(node: Node, answer: Callable[..., None]) -> Callable[[Callable[..., bool]], Query]:
    """Declares how packets ask for what `node` has to know; `answer` is a hot function."""

    def make(function: Callable[..., bool]) -> Query:
        return Query(node.name, function.__module__, function.__name__, node.state, hot(function), answer)

    return make


@dataclass(frozen=True)
class Insert:
    """Puts `node` on the edge `edge` of the node named `at`; its own edge `through` then leads where that one led."""

    node: Node
    at: str
    edge: str
    through: IntEnum


@dataclass(frozen=True)
class Timer:
    """A node that every worker calls each `period_ns` at the earliest, with an empty packet to fill (`packet.extend`).

    Its edges lead into the graph like any other's, one of them to NOTHING; `packet.port` is 0.
    """

    node: Node
    period_ns: int


@dataclass(frozen=True)
class Part:
    """What one feature contributes: its nodes with where their edges lead, nodes that it puts on others' edges, those
    of its nodes that the clock calls, and what its nodes ask of tables."""

    edges: Mapping[Node, Mapping[Any, Target]]  # by member of the node's own enum
    inserts: tuple[Insert, ...] = ()
    timers: tuple[Timer, ...] = ()
    queries: tuple[Query, ...] = ()
