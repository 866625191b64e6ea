"""Namespaces come and go, and those of the dead are removed."""

import os
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from bise.bench.namespaces import IpFailed, Namespaces, ip, remove_leftovers, veth
from bise.errors import BiseError

pytestmark = pytest.mark.root

PURPOSE = "bisetestns"


def present(name: str) -> bool:
    return Path("/run/netns", name).exists()


def test_namespaces_go_with_their_block() -> None:
    with Namespaces("a", "b", purpose=PURPOSE) as made:
        names = [namespace.name for namespace in made]
        assert all(present(name) for name in names)
    assert not any(present(name) for name in names)


def fail_in(block: Namespaces) -> None:
    with ExitStack() as stack:
        stack.push(block)
        raise ZeroDivisionError


def test_namespaces_go_when_the_block_fails() -> None:
    block = Namespaces("a", "b", purpose=PURPOSE)
    names = [namespace.name for namespace in block.__enter__()]
    with pytest.raises(ZeroDivisionError):
        fail_in(block)
    assert not any(present(name) for name in names)


def test_the_first_goes_if_the_second_can_not_be_made() -> None:
    with pytest.raises(IpFailed), Namespaces("a", "a", purpose=PURPOSE):
        pass
    assert not present(f"{PURPOSE}-{os.getpid()}-a")


def test_only_the_thread_that_asks_is_inside() -> None:
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        found[where] = [name for _, name in socket.if_nameindex()]

    with Namespaces("a", purpose=PURPOSE) as (namespace,):
        namespace.ip("link add only type bridge")
        with namespace.inside():
            look("inside")
            other = threading.Thread(target=look, args=("thread made inside",))
            other.start()
            other.join()
        look("outside")
    assert "only" in found["inside"]
    assert "only" in found["thread made inside"]
    assert "only" not in found["outside"]


def test_sysctls_are_the_namespaces_own() -> None:
    before = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    with Namespaces("a", purpose=PURPOSE) as (namespace,):
        namespace.sysctl({"net/ipv4/ip_forward": 1})
        assert namespace.run("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == before


def test_a_refused_line_is_named() -> None:
    with Namespaces("a", purpose=PURPOSE) as (namespace,), pytest.raises(IpFailed, match="nonsense"):
        namespace.ip("link set dev nonsense up")
    with pytest.raises(IpFailed):
        ip(["netns del there-is-no-such-namespace"])


def test_a_command_that_fails_says_so() -> None:
    with Namespaces("a", purpose=PURPOSE) as (namespace,), pytest.raises(BiseError, match="ended with 3"):
        namespace.run("sh", "-c", "exit 3")


def test_a_veth_joins_two_namespaces_with_so_many_queues() -> None:
    with Namespaces("a", "b", purpose=PURPOSE) as (here, there):
        veth(here, "x", there, "y", queues=3, mtu=1400)
        assert "mtu 1400" in here.run("ip", "link", "show", "x")
        assert there.run("sh", "-c", "ls -d /sys/class/net/y/queues/rx-*").split()[-1].endswith("rx-2")


def test_what_the_dead_left_is_removed_with_its_processes() -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = f"{PURPOSE}-{dead.pid}-a"
    ip([f"netns add {left}"])
    sleeper = subprocess.Popen(["ip", "netns", "exec", left, "sleep", "60"])
    try:
        while subprocess.run(["ip", "netns", "pids", left], capture_output=True, text=True).stdout.strip() == "":
            assert sleeper.poll() is None
        with Namespaces("alive", purpose=PURPOSE) as (alive,):
            assert remove_leftovers(PURPOSE) == [left]
            assert present(alive.name)
        assert sleeper.wait(5) == -9
    finally:
        sleeper.kill()
        sleeper.wait()
    assert not present(left)


def test_removing_twice_is_harmless() -> None:
    with Namespaces("twice", purpose=PURPOSE) as (namespace,):
        for _ in range(2):
            namespace.remove()
            assert not present(namespace.name)
