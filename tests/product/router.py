"""A topology and the Bise in its router, with what tests ask of both."""

import functools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import pytest

from bise.bench.namespaces import Namespace
from bise.bench.running import RunningBise
from bise.errors import BiseError
from tests.namespaces import Port, Topology
from tests.oracle.forwarders import bise

BISE = str(Path(sys.executable).with_name("bise"))
_PATIENCE_S, _POLL_S = 10.0, 0.02
_ATTEMPTS = 3
P = ParamSpec("P")


@dataclass(frozen=True)
class Router:
    """`bise` forwards for the router of `topology`."""

    topology: Topology
    bise: RunningBise

    @property
    def namespace(self) -> Namespace:
        return self.topology.router

    @property
    def pid(self) -> int:
        return int(self.bise.ask("status")["pid"])

    def says(self, verb: str) -> str:
        """What `bise <verb>` prints."""
        return self.namespace.run(BISE, verb, "--name", self.bise.name)

    def host(self, name: str) -> Namespace:
        return self.topology.hosts[name]

    def port(self, name: str) -> Port:
        return next(port for port in self.topology.ports if port.name == name)

    def counters(self, name: str) -> dict[str, Any]:
        """What `bise ports` says of one port."""
        found: dict[str, Any] = next(port for port in self.bise.ask("ports") if port["name"] == name)
        return found

    def state(self, name: str) -> dict[str, Any]:
        """What `bise status` says of one port."""
        found: dict[str, Any] = next(port for port in self.bise.ask("status")["ports"] if port["name"] == name)
        return found

    def sent(self, name: str) -> int:
        """Packets that left by the port without the kernel; 0 while there is no such port."""
        return next((int(port["transmitted"]) for port in self.bise.ask("ports") if port["name"] == name), 0)

    def meet_hosts(self) -> None:
        """Every host is a neighbour that Bise knows."""
        for port in self.topology.ports:
            for own in (port.router4, port.router6):
                ping(self.host(port.name), own, 1)
        hosts = {address for port in self.topology.ports for address in (port.host4, port.host6)}
        wait_until("every host is known", lambda: hosts <= self.neighbours())

    def neighbours(self) -> set[str]:
        """Addresses whose MACs Bise knows."""
        return {each["address"] for each in self.bise.ask("neighbours") if each["mac"] is not None}

    @contextmanager
    def natively(self, name: str, packets: int) -> Iterator[None]:
        """Bise itself sends most of so many packets by this port while the block runs. Not all: on a machine with too
        few cores a worker is late now and then, and what comes meanwhile is the kernel's."""
        before = self.sent(name)
        yield
        sent = self.sent(name) - before
        assert sent > packets // 2, f"{sent} of {packets} packets left by {name} natively: {self.account()}"

    def answered(self) -> int:
        """How many of 50 packets from c to s are answered, half of them by IPv6; Bise itself forwards most."""
        target = self.port("s")
        with self.natively("s", 50), self.natively("c", 50):
            return sum(ping(self.host("c"), address, 25) for address in (target.host4, target.host6))

    def late(self) -> int:
        """Packets that were Linux's because a worker got no time."""
        return sum(int(port["steering"].get("late", 0)) for port in self.bise.ask("ports"))

    def account(self) -> str:
        """Where packets went, for a test that fails."""
        counts = {verb: [each for each in self.bise.ask(verb) if each["packets"]] for verb in ("drops", "punts")}
        return json.dumps({"ports": self.bise.ask("ports"), **counts}, indent=1)


def wait_until(what: str, holds: Callable[[], object], patience_s: float = _PATIENCE_S) -> None:
    """Asks until it holds."""
    given_up = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < given_up, f"never came true: {what}"
        time.sleep(_POLL_S)


def again_if_late(test: Callable[Concatenate[Router, P], None]) -> Callable[Concatenate[Router, P], None]:
    """For a test that counts exactly what Bise did. Where it fails, and packets were Linux's meanwhile because a worker
    got no time, nothing is said about Bise: it begins anew, so it has to find the router as it may have left it."""

    @functools.wraps(test)
    def run(running: Router, *arguments: P.args, **named: P.kwargs) -> None:
        for _ in range(_ATTEMPTS):
            before = running.late()
            try:
                return test(running, *arguments, **named)
            except (AssertionError, BiseError, OSError):
                if running.late() == before:
                    raise
        pytest.fail(f"a worker was late in {_ATTEMPTS} attempts: this machine is too busy to tell")

    return run


@contextmanager
def acquainted(ports: Sequence[Port]) -> Iterator[Topology]:
    """Hosts at two ports c and s that have found each other through the kernel, by IPv4 and by IPv6."""
    with Topology(tuple(ports), hosts="answering") as topology:
        for address in (topology.ports[1].host4, topology.ports[1].host6):
            ping(topology.hosts["c"], address, 2)
        yield topology


@contextmanager
def routed(topology: Topology, options: Sequence[str] = ()) -> Iterator[Router]:
    """Bise forwards between hosts that it knows while the block runs."""
    with bise(topology, options) as running:
        found = Router(topology, running)
        found.meet_hosts()
        yield found


def reaches(host: Namespace, address: str) -> bool:
    """Whether one packet and its answer come through."""
    try:
        host.run_line(f"ping -n -c 1 -W 1 {address}")
    except BiseError:
        return False
    return True


def ping(host: Namespace, address: str, count: int, options: str = "") -> int:
    """How many of `count` packets are answered. Raises BiseError with what ping said where none is."""
    said = host.run_line(f"ping -n -c {count} -i 0.01 -W 2 {options} {address}")
    found = re.search(r"(\d+) received", said)
    assert found, said
    return int(found[1])
