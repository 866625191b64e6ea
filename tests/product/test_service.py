"""Bise as its systemd unit runs it: with the capabilities that the unit leaves it, telling the supervisor how it is."""

import re
import signal
import socket

import pytest

from tests.namespaces import CLIENT, SERVER, Topology
from tests.product.router import BISE
from tests.structure.sources import ROOT

pytestmark = [pytest.mark.root, pytest.mark.slow]
UNIT = (ROOT / "packaging" / "bise@.service").read_text()


def told(supervisor: socket.socket, word: str) -> str:
    """The first message that has this word; systemd reads all of them."""
    while word not in (message := supervisor.recv(4096).decode()):
        pass
    return message


def as_the_unit_does() -> list[str]:
    """What stands before the command."""
    found = re.search(r"^CapabilityBoundingSet=(.+)$", UNIT, re.MULTILINE)
    assert found is not None
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in found[1].split())
    return ["setpriv", "--no-new-privs", f"--bounding-set=-all,{kept}"]


def test_it_forwards_with_what_the_unit_leaves_it_and_says_so(supervisor: socket.socket) -> None:
    with Topology((CLIENT, SERVER)) as topology:
        words = ["run", "--name", topology.router.name, "--port", "c", "--port", "s"]
        process = topology.router.start(*as_the_unit_does(), BISE, *words, start_new_session=True)
        try:
            assert "STATUS=" in told(supervisor, "READY=1")
            told(supervisor, "WATCHDOG=1")
            process.send_signal(signal.SIGINT)
            told(supervisor, "STOPPING=1")
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
