"""The picture in the docs is the graph that the features make, and shows all of it."""

from pathlib import Path
from xml.etree import ElementTree

from bise import daemon
from bise.control.messages import Graph
from bise.features.feature import Surroundings, graph_of
from bise.instance.insides import graph_message
from bise.offline.picture import picture
from bise.tables.retire import immediately
from tests.features import world

DOCS = Path(__file__).parents[2] / "docs" / "graph.svg"
_NAMES = "{http://www.w3.org/2000/svg}"


def whole() -> Graph:
    features = daemon.make_features(Surroundings(world.network(), immediately, 8))
    for feature in features:
        feature.close()
    return graph_message(graph_of(features, daemon.START, incomplete_checksums=True))


def test_the_picture_in_the_docs_is_drawn_from_the_code() -> None:
    assert picture(whole()) == DOCS.read_text(), f"bise graph --svg > {DOCS} on a router of veths makes it anew"


def test_every_node_stands_right_of_what_leads_to_it_and_every_edge_is_there() -> None:
    graph = whole()
    root = ElementTree.fromstring(picture(graph))
    titles = {one.text: one for one in root.iter(f"{_NAMES}text") if one.get("class") == "name"}
    at = {node["name"]: int(titles[node["name"]].get("x", "0")) for node in graph["nodes"]}
    edges = [(node["name"], edge["to"]) for node in graph["nodes"] for edge in node["edges"]]
    to_nodes = [(start, to) for start, to in edges if to in at]
    assert all(at[start] < at[to] for start, to in to_nodes)
    assert len(list(root.iter(f"{_NAMES}path"))) == len(to_nodes)
    assert len(list(root.iter(f"{_NAMES}title"))) == len(edges) - len(to_nodes)


def test_cards_do_not_lie_on_each_other() -> None:
    root = ElementTree.fromstring(picture(whole()))
    cards = [one for one in root.iter(f"{_NAMES}rect") if one.get("class") == "card"]
    boxes = [tuple(int(one.get(name, "0")) for name in ("x", "y", "width", "height")) for one in cards]
    for number, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, *_ in boxes[:number]:
            assert not (x <= other_x < x + width and y <= other_y < y + height)
