"""The running product between ordinary Linux hosts: one router for all tests that leave it as they found it."""

import socket
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd would listen to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(120)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener
