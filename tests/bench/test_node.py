"""The nodes whose cost is measured stand where every IPv4 packet comes by."""

from bise.bench import node
from bise.bench.nodes import declared


def test_every_ipv4_packet_passes_the_node():
    found = node.graphs({what: declared(name) for what, name in node.NODES.items()})
    assert found.pop("").edges["ipv4.input"]["VALID"] == "ipv4.look_up"
    for what, graph in found.items():
        name = f"{node.NODES[what]}.see"
        assert graph.edges["ipv4.input"]["VALID"] == name
        assert graph.edges[name] == {"ON": "ipv4.look_up"}
