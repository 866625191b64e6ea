"""What travels over the control socket: the reply to each verb. docs/json.md explains every key.

Addresses and MACs are text, times nanoseconds (`CLOCK_MONOTONIC` where absolute), sizes octets.
"""

from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, cast

if TYPE_CHECKING:  # who only asks needn't load what finds gates
    from bise.control.gates import gate as gates

State = Literal["starting", "compiling", "forwarding", "gated", "stopping"]
Family = Literal[4, 6]


class Memory(TypedDict):
    """The packet pool. `note` says what the absence of huge pages costs, empty if they are there."""

    pool_octets: int
    huge_pages: bool
    note: str


class Worker(TypedDict):
    """`busy`: share of its rounds that had packets, 0 to 1, since anybody's last question; `busy_rounds` of `epoch`
    let two who ask tell it apart. `handed`: packets given to other workers."""

    core: int
    packets: int
    busy: float
    epoch: int
    busy_rounds: int
    handed: int


class PortState(TypedDict):
    """`gate`: why all of its traffic, or one family's, is the kernel's now; None if it isn't."""

    name: str
    ifindex: int
    kind: str
    state: str
    gate: str | None


class Gate(TypedDict):
    """Something in the kernel that Bise can't run, and whose traffic is therefore the kernel's."""

    name: str
    subject: str
    families: list[Family]
    where: str
    effect: str
    detection: Literal["announced", "polled"]
    reason: str


class Share(TypedDict):
    """How many objects of a kind run natively, and how many the kernel keeps."""

    native: int
    punted: int


class Mirror(TypedDict):
    """`clean`: nothing is known to be stale. `divergences`: found by audit, ever."""

    clean: bool
    resyncs: int
    divergences: int


class Status(TypedDict):
    """Reply to `status`."""

    name: str
    state: State
    version: str
    pid: int
    uptime_ns: int
    mode: str
    memory: Memory
    workers: list[Worker]
    ports: list[PortState]
    gates: list[Gate]
    native: dict[str, Share]
    mirror: Mirror
    confirm_deadline_ns: int | None
    notes: list[str]


class Replaceable(TypedDict):
    """Reply to `may_hand_over`. `links`: by port, the number of the BPF link that a successor holds meanwhile."""

    pid: int
    links: dict[str, int]


class HandedOver(TypedDict):
    """Reply to `hand_over`. `tags_taken_out`: ports whose hardware took VLAN tags out before Bise came. `supervisor`:
    where systemd listens, empty where it doesn't."""

    tags_taken_out: list[str]
    supervisor: str


class PortCounters(TypedDict):
    """An element of the reply to `ports`. `spread`: whether Bise itself spreads over the workers what comes.
    `steering`: what the steering program left to the kernel, by reason."""

    name: str
    kind: str
    ifindex: int
    mac: str
    mtu: int
    up: bool
    queues: int
    spread: bool
    received: int
    transmitted: int
    received_octets: int
    transmitted_octets: int
    punted: int
    dropped: int
    steering: dict[str, int]


class Path(TypedDict):
    """One way out of a route. `via`: the next hop, None for a neighbour on the link."""

    via: str | None
    port: str
    weight: int


class Route(TypedDict):
    """`why` is empty for a native route."""

    family: Family
    destination: str
    table: int
    kind: str
    paths: list[Path]
    state: Literal["native", "punted"]
    why: str


class RoutesArguments(TypedDict):
    """Arguments of `routes`. `after`: the `next` of the page before."""

    limit: int
    family: NotRequired[Family]
    after: NotRequired[str]


class RoutesPage(TypedDict):
    """Reply to `routes`: at most `limit` of them. `next`: ask on with it; None after the last."""

    routes: list[Route]
    total: int
    next: str | None


class Neighbour(TypedDict):
    """An element of the reply to `neighbours`. `used_ns_ago` None: no packet yet."""

    port: str
    family: Family
    address: str
    mac: str | None
    state: str
    used_ns_ago: int | None


class Reason(TypedDict):
    """An element of the replies to `drops` and `punts`."""

    reason: str
    packets: int
    meaning: str


class PlacedNode(TypedDict):
    """A node of a user's file. `behind`: the nodes with the edges that lead to it; `leads`: where its own do."""

    name: str
    behind: list[str]
    leads: dict[str, str]


class UserNode(TypedDict):
    """An element of the reply to `nodes`: a file. `state`: each field of its records, a number for each worker."""

    name: str
    path: str
    digest: str
    changed: bool
    nodes: list[PlacedNode]
    state: dict[str, list[int]]


class NodeChanged(TypedDict):
    """Reply to `node-add`, `node-reload` and `node-remove`."""

    name: str
    action: Literal["added", "changed", "removed", "unchanged"]
    took_ns: int


class Watch(TypedDict):
    """Reply to `watch` and `unwatch`: the number that `watched` takes."""

    watch: int


class WatchedNode(TypedDict):
    """`edges`: by number the edge's name and the node or sink that it leads to."""

    name: str
    edges: dict[str, list[str]]


class WatchedGraph(TypedDict):
    """What the numbers in records mean: nodes and sinks by place, ports by number; `realtime_ns` makes of their times
    those of the wall clock."""

    nodes: list[WatchedNode]
    sinks: list[str]
    ports: dict[str, str]
    realtime_ns: int


class Watched(TypedDict):
    """Reply to `watched`. `records` in base64, as engine/watch.py lays them out. `seen`, `missed`: packets that were
    looked at, and not looked at as earlier ones had not been fetched yet. `graph`: with the first records, and again
    with the first that another pipeline made, else None."""

    state: Literal["compiling", "recording"]
    records: list[str]
    seen: int
    missed: int
    graph: WatchedGraph | None


class Spent(TypedDict):
    """Cycles that so many packets took together."""

    packets: int
    cycles: int


class NodeSpent(TypedDict):
    """As Spent, by one node."""

    node: str
    packets: int
    cycles: int


class Cycles(TypedDict):
    """Reply to `cycles`. `bare`: whole bursts that ran without time stamps while others were sampled."""

    state: Literal["compiling", "sampling"]
    bare: Spent
    nodes: list[NodeSpent]


class StatePage(TypedDict):
    """Reply to `state`. `head`: what is not in lists, on the first page; `lists`: lines to be added to the lists of
    these names. `next`: ask on with `after`; None after the last."""

    head: dict[str, Any]
    lists: dict[str, list[Any]]
    next: int | None


class Edge(TypedDict):
    """An edge of a node: its name, and the node or sink that it leads to."""

    edge: str
    to: str


class GraphNode(TypedDict):
    """A node of the graph, with its edges in order."""

    name: str
    edges: list[Edge]


class GraphSink(TypedDict):
    """Where a packet's way ends. `kind`: transmit, drop, punt or nothing."""

    name: str
    kind: str
    meaning: str


class Graph(TypedDict):
    """Reply to `graph`. No edge leads to a node further up; `timers`: nodes that the clock calls."""

    nodes: list[GraphNode]
    sinks: list[GraphSink]
    timers: list[str]


class Pipeline(TypedDict):
    """Reply to `pipeline`: the generated source, and the file that it was compiled from."""

    source: str
    path: str


class LinuxRoute(TypedDict):
    """Reply to `linux-route`: what the kernel would do with a packet. `prefix`: that of the route, None where Linux
    doesn't tell; `paths`: all of that route; `error`: why it would take none, else empty."""

    prefix: str | None
    kind: str
    path: Path
    paths: list[Path]
    error: str


class Confirmed(TypedDict):
    """Reply to `confirm`. `was_waiting` False: nobody had asked for it, or it was confirmed before."""

    was_waiting: bool


Lists = list[PortCounters] | list[Neighbour] | list[Reason] | list[UserNode]
Reply = (
    Status
    | RoutesPage
    | StatePage
    | Graph
    | Pipeline
    | LinuxRoute
    | Confirmed
    | Watch
    | Watched
    | Cycles
    | NodeChanged
    | Lists
)
Arguments = dict[str, Any]


def gate_message(gate: "gates.Gate") -> Gate:
    """A standing gate as it travels."""
    return {
        "name": gate.name,
        "subject": gate.subject,
        "families": cast(list[Family], sorted(gate.families)),
        "where": str(gate.where),
        "effect": gate.effect,
        "detection": gate.detection.value,
        "reason": gate.reason,
    }
