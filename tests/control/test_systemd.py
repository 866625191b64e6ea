import os
import socket

import pytest

from bise.control.systemd import Supervisor


@pytest.fixture
def listener(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        yield end


def test_a_supervisor_hears_what_happens(listener):
    supervisor = Supervisor({"NOTIFY_SOCKET": listener.getsockname()})
    supervisor.ready("forwarding on eth0, eth1")
    assert listener.recv(100) == b"READY=1\nSTATUS=forwarding on eth0, eth1"
    supervisor.alive()
    assert listener.recv(100) == b"WATCHDOG=1"
    supervisor.status("gated")
    assert listener.recv(100) == b"STATUS=gated"
    supervisor.succeeded_by(4711)
    assert listener.recv(100) == b"MAINPID=4711"
    supervisor.stopping()
    assert listener.recv(100) == b"STOPPING=1"


def test_an_abstract_address_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0bise-test-{os.getpid()}")
        end.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": f"@bise-test-{os.getpid()}"}).alive()
        assert end.recv(100) == b"WATCHDOG=1"


def test_nobody_listening_is_no_failure(tmp_path):
    assert Supervisor({}).alive() is None
    assert Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive() is None


def test_a_supervisor_that_is_stuck_does_not_stop_us(listener):
    supervisor = Supervisor({"NOTIFY_SOCKET": listener.getsockname()})
    for _ in range(10_000):
        supervisor.alive()
    assert listener.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "watchdog_ns"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "5000000"}, 5_000_000_000),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid())}, 5_000_000_000),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(environment, watchdog_ns):
    assert Supervisor(environment).watchdog_ns == watchdog_ns
