"""The nodes whose cost is measured stand where every IPv4 packet comes by."""

from pathlib import Path

from bise.bench import node


def test_every_ipv4_packet_passes_the_node(tmp_path: Path):
    found = node.graphs(node.declared(tmp_path))
    assert found.pop("").edges["ipv4.input"]["VALID"] == "ipv4.look_up"
    for what, graph in found.items():
        name = f"{what.replace(' ', '_')}.see"
        assert graph.edges["ipv4.input"]["VALID"] == name
        assert graph.edges[name] == {"ON": "ipv4.look_up"}
