"""The graph as a value: nodes in topological order, and for each of their edges the node or sink that it leads to."""

from collections.abc import Iterable
from dataclasses import dataclass

from bise.engine.node import (
    Drop,
    Insert,
    Node,
    Nothing,
    Part,
    Punt,
    PuntClass,
    Query,
    Sink,
    Target,
    Timer,
    To,
    Transmit,
)
from bise.engine.worker import QUERIES
from bise.errors import BiseError


class GraphError(BiseError):
    """The features' parts don't make a graph."""


@dataclass(frozen=True)
class Graph:
    """`edges[node.name][edge.name]` is the name of a node or a sink; `order` starts with the entry node.

    No edge leads backwards in `order`. `sinks` are in the counters' order: transmit, drops, punts, urgent punts. The
    nodes of `timers` are entries, too. `queries` are those of the nodes in `order`.
    """

    order: tuple[Node, ...]
    edges: dict[str, dict[str, str]]
    sinks: tuple[Sink, ...]
    timers: tuple[Timer, ...] = ()
    queries: tuple[Query, ...] = ()

    def sink_number(self, name: str) -> int:
        """The index of a sink's counter."""
        return next(number for number, sink in enumerate(self.sinks) if sink.name == name)

    def reachable(self, starts: Iterable[str]) -> set[str]:
        """The names of the nodes that these lead to, themselves included."""
        names = {node.name for node in self.order}
        found, waiting = set(), list(starts)
        while waiting:
            name = waiting.pop()
            if name in names and name not in found:
                found.add(name)
                waiting += self.edges[name].values()
        return found

    def place(self, node: str) -> int:
        """The number of the node of this name in `order`."""
        return next(number for number, one in enumerate(self.order) if one.name == node)

    def block(self, target: str) -> int:
        """A number for the node or sink of this name: nodes as in `order`, sinks as their counters behind them."""
        names = {node.name for node in self.order}
        return self.place(target) if target in names else len(self.order) + self.sink_number(target)

    def text(self) -> str:
        """The graph as lines `node EDGE -> target`, in order: what `bise graph` prints and tests compare."""
        lines = (f"{name} {edge} -> {to}" for name, edges in self.edges.items() for edge, to in edges.items())
        return "\n".join(lines)


def build(start: str, parts: Iterable[Part], always: Iterable[Sink] = ()) -> Graph:
    """Joins the features' parts; nodes that nothing leads to are left out. `always`: sinks that the engine needs.

    Raises GraphError where a name is given twice, an edge has no target, the nodes form a circle, or there are more
    queries than one a node or QUERIES.
    """
    parts = tuple(parts)
    nodes = _nodes(parts)
    if start not in nodes:
        raise GraphError(f"no feature brings the entry node {start}")
    targets = _targets(nodes, parts)
    for insert in (insert for part in parts for insert in part.inserts):
        _insert(targets, insert)
    timers = tuple(timer for part in parts for timer in part.timers)
    order = _order([start, *(timer.node.name for timer in timers)], nodes, targets)
    _tell_apart(order)
    sinks: dict[str, Sink] = {"transmit": Transmit()} | {sink.name: sink for sink in always}
    for node in order:
        for target in targets[node.name].values():
            if not isinstance(target, str):
                _add_sink(sinks, target)
    edges = {node.name: {edge: _name(to) for edge, to in targets[node.name].items()} for node in order}
    queries = _queries(order, parts)
    return Graph(tuple(order), edges, tuple(sorted(sinks.values(), key=_rank)), timers, queries)


def _queries(order: list[Node], parts: tuple[Part, ...]) -> tuple[Query, ...]:
    names = {node.name for node in order}
    found = tuple(query for part in parts for query in part.queries if query.node in names)
    if len({query.node for query in found}) < len(found):
        raise GraphError("a node asks more than one question of each packet")
    if len(found) > QUERIES:
        raise GraphError(f"{len(found)} nodes ask questions; there is room for {QUERIES}")
    return found


def _tell_apart(order: list[Node]) -> None:
    """In the pipeline's text a dot in a name is an underscore."""
    seen: dict[str, str] = {}
    for node in order:
        word = node.name.replace(".", "_")
        if seen.setdefault(word, node.name) != node.name:
            raise GraphError(f"{node.name} and {seen[word]} are names too much alike")


def _rank(sink: Sink) -> tuple[int, int]:
    urgent = isinstance(sink, Punt) and sink.urgency is PuntClass.CONTROL
    return (Transmit, Drop, Punt, Nothing).index(type(sink)), urgent


def _name(target: "str | Sink") -> str:
    return target if isinstance(target, str) else target.name


def _nodes(parts: tuple[Part, ...]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for node in (node for part in parts for node in (*part.edges, *(insert.node for insert in part.inserts))):
        if nodes.setdefault(node.name, node) != node:
            raise GraphError(f"two nodes are named {node.name}")
    return nodes


def _targets(nodes: dict[str, Node], parts: tuple[Part, ...]) -> "dict[str, dict[str, str | Sink]]":
    targets: dict[str, dict[str, str | Sink]] = {name: {} for name in nodes}
    for node, edges in (item for part in parts for item in part.edges.items()):
        targets[node.name] = {node.edges(edge).name: _resolve(nodes, target) for edge, target in edges.items()}
    inserted = {(insert.node.name, insert.through.name) for part in parts for insert in part.inserts}
    for node in nodes.values():
        for edge in node.edges:
            if edge.name not in targets[node.name] and (node.name, edge.name) not in inserted:
                raise GraphError(f"edge {edge.name} of {node.name} leads nowhere")
    return targets


def _resolve(nodes: dict[str, Node], target: Target) -> "str | Sink":
    if isinstance(target, To):
        return target.node if target.node in nodes else target.otherwise
    return target


def _insert(targets: dict[str, dict[str, "str | Sink"]], insert: Insert) -> None:
    found = targets.get(insert.at)
    if found is None or insert.edge not in found:
        there = f"its edges are {', '.join(found)}" if found else f"there are {', '.join(sorted(targets))}"
        raise GraphError(
            f"{insert.node.name} wants to stand on edge {insert.edge} of {insert.at}, which isn't there; {there}"
        )
    targets[insert.node.name][insert.through.name] = targets[insert.at][insert.edge]
    targets[insert.at][insert.edge] = insert.node.name


def _order(starts: list[str], nodes: dict[str, Node], targets: dict[str, dict[str, "str | Sink"]]) -> list[Node]:
    """Depth-first, reversed: every node before those that it leads to."""
    done: list[str] = []
    open_: set[str] = set()

    def visit(name: str) -> None:
        if name in done:
            return
        if name in open_:
            raise GraphError(f"the graph has a circle through {name}")
        open_.add(name)
        for target in reversed(targets[name].values()):
            if isinstance(target, str):
                visit(target)
        done.append(name)

    for start in reversed(starts):
        visit(start)
    return [nodes[name] for name in reversed(done)]


def _add_sink(sinks: dict[str, Sink], sink: Sink) -> None:
    if sinks.setdefault(sink.name, sink) != sink:
        raise GraphError(f"two meanings of {sink.name}")
