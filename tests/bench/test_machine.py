"""The far ends that ports are measured with find the router between them."""

import pytest

from bise.bench import machine
from bise.bench.machine import MEMIF, PACKED, VHOST_USER, Wire
from bise.bench.veth import two_cores


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("wire", [VHOST_USER, PACKED, MEMIF], ids=lambda wire: wire.name)
def test_packets_come_back(wire: Wire) -> None:
    assert machine.testpmd_forwards(wire, two_cores(), 3, 0.2).median > 0
