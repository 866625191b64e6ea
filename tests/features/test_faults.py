"""The nodes that hand a header's fault on as their edge have an edge of that name and number for each."""

import pytest

from bise.features.ipv4 import nodes as ipv4_nodes
from bise.features.ipv6 import nodes as ipv6_nodes
from bise.wire import ipv4, ipv6


@pytest.mark.parametrize(("faults", "edges"), [(ipv4.Fault, ipv4_nodes.Input), (ipv6.Fault, ipv6_nodes.Input)])
def test_every_fault_is_an_edge(faults, edges):
    found = {fault.name: edges(fault.value).name for fault in faults if fault}
    assert found == {name: name for name in found}
    assert edges(0).name == "VALID"
