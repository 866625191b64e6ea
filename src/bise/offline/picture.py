"""The graph as an SVG: a card a node, with a row an edge; rows that lead to nodes are joined to their cards.

Cards stand in columns, each to the right of all that lead to it. The same graph gives the same octets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bise.control.messages import Graph, GraphNode, GraphSink

_WIDTH, _GAP, _BETWEEN, _MARGIN = 230, 70, 24, 20
_ROW, _TITLE = 17, 26
_INK = {"transmit": "#1a7f37", "drop": "#b3261e", "punt": "#9a5b00", "nothing": "#666666"}
_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>
text {{ font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #1f2328 }}
.name {{ font-weight: bold; fill: #ffffff }}
.card {{ fill: #ffffff; stroke: #57606a }}
.head {{ fill: #2f4b7c }}
.way {{ fill: none; stroke: #2f4b7c; stroke-width: 1.4; opacity: 0.75 }}
.to {{ text-anchor: end }}
</style>
<rect width="{width}" height="{height}" fill="#f6f8fa"/>"""


@dataclass(frozen=True)
class _Card:
    """Where a node stands."""

    node: GraphNode
    x: int
    y: int

    @property
    def height(self) -> int:
        return _TITLE + _ROW * len(self.node["edges"]) + 6

    def row(self, number: int) -> int:
        """The middle of an edge's row."""
        return self.y + _TITLE + _ROW * number + _ROW // 2 + 2


def picture(graph: Graph) -> str:
    """The SVG's text."""
    cards = _placed(graph)
    sinks = {sink["name"]: sink for sink in graph["sinks"]}
    width = max(card.x for card in cards.values()) + _WIDTH + _MARGIN
    height = max(card.y + card.height for card in cards.values()) + _MARGIN
    lines = [_HEAD.format(width=width, height=height)]
    for card in cards.values():
        lines += _ways(card, cards)
    for card in cards.values():
        lines += _drawn(card, sinks)
    return "\n".join([*lines, "</svg>", ""])


def _placed(graph: Graph) -> dict[str, _Card]:
    columns: dict[int, list[GraphNode]] = {}
    depths = _depths(graph)
    for node in graph["nodes"]:
        columns.setdefault(depths[node["name"]], []).append(node)
    cards: dict[str, _Card] = {}
    for column, nodes in sorted(columns.items()):
        y = _MARGIN
        for node in nodes:
            card = _Card(node, _MARGIN + column * (_WIDTH + _GAP), max(y, _height_of_way(node, cards)))
            cards[node["name"]] = card
            y = card.y + card.height + _BETWEEN
    return cards


def _height_of_way(node: GraphNode, cards: Mapping[str, _Card]) -> int:
    """Where the topmost of those stands that lead to a node: so a family's cards stand in a row."""
    leading = [card.y for card in cards.values() if any(edge["to"] == node["name"] for edge in card.node["edges"])]
    return min(leading, default=0)


def _depths(graph: Graph) -> dict[str, int]:
    """The longest way to each node; no edge leads back to one further up."""
    depths = {node["name"]: 0 for node in graph["nodes"]}
    for node in graph["nodes"]:
        for edge in node["edges"]:
            if edge["to"] in depths:
                depths[edge["to"]] = max(depths[edge["to"]], depths[node["name"]] + 1)
    return depths


def _ways(card: _Card, cards: Mapping[str, _Card]) -> list[str]:
    found = []
    for number, edge in enumerate(card.node["edges"]):
        target = cards.get(edge["to"])
        if target is not None:
            x, y, to_x, to_y = card.x + _WIDTH, card.row(number), target.x, target.y + _TITLE // 2
            middle = (x + to_x) // 2
            found.append(f'<path class="way" d="M{x} {y} C{middle} {y} {middle} {to_y} {to_x} {to_y}"/>')
    return found


def _drawn(card: _Card, sinks: Mapping[str, GraphSink]) -> list[str]:
    lines = [
        f'<rect class="card" x="{card.x}" y="{card.y}" width="{_WIDTH}" height="{card.height}" rx="5"/>',
        f'<rect class="head" x="{card.x}" y="{card.y}" width="{_WIDTH}" height="{_TITLE}" rx="5"/>',
        f'<text class="name" x="{card.x + 8}" y="{card.y + 17}">{escape(card.node["name"])}</text>',
    ]
    feature = card.node["name"].split(".")[0]
    for number, edge in enumerate(card.node["edges"]):
        y, sink = card.row(number) + 4, sinks.get(edge["to"])
        if sink is None:
            lines.append(f'<text class="to" x="{card.x + _WIDTH - 8}" y="{y}">{escape(edge["edge"])}</text>')
            continue
        words, ink = edge["to"].replace(f" {feature}.", " "), _INK.get(sink["kind"], "#1f2328")
        told = f"<title>{escape(edge['edge'])}: {escape(sink['meaning'] or edge['to'])}</title>"
        lines.append(f'<text x="{card.x + 8}" y="{y}" style="fill:{ink}">{told}{escape(words)}</text>')
    return lines
