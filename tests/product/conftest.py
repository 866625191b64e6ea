"""The running product between ordinary Linux hosts: one router for all tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.namespaces import Port, Topology
from tests.product.router import Router, routed

# The third port's links take smaller packets than the others'.
PORTS = (Port("c", 1), Port("s", 2), Port("t", 3, mtu=1400))


@pytest.fixture(scope="session")
def router() -> Iterator[Router]:
    """Bise forwards between the hosts c, s and t, which resolve, answer and leave checksums to their veth."""
    with Topology(PORTS, hosts="answering") as topology, routed(topology) as found:
        yield found
