"""The router, its hosts, and the Bise in it, which is started again and again."""

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bise.bench.namespaces import Namespace
from bise.bench.running import NotForwarding, RunningBise
from bise.control.socket import ControlClient
from bise.errors import BiseError
from tests.namespaces import Port, Topology
from tests.nodefiles import folder
from tests.product.router import Router, wait_until
from tests.soak.flows import Flows
from tests.structure.sources import ROOT

CORES = sorted(os.sched_getaffinity(0))[:2]
PORTS = tuple(Port(name, number, queues=len(CORES)) for number, name in enumerate("cst", 1))
NODE = "dns_guard"
COMPILES_WITHIN_S = 300.0
PATIENCE_S = 60.0  # other work on this machine may take both cores for a while


class Trial:
    """`chance` decides everything that is drawn; `life` counts the processes that have forwarded. `spread`: the workers
    hand each other what they receive."""

    def __init__(self, topology: Topology, flows: Flows, chance: random.Random, spread: bool) -> None:
        self.topology, self.flows, self.chance = topology, flows, chance
        self._config = folder("soak") / "bise.toml"
        self._config.write_text('spread = "always"\n' if spread else "")
        self.life = 0
        self.logs = ""  # of those that have ended
        self.node = folder("soak") / f"{NODE}.py"
        self._variants = _variants()
        self.write_node(0)
        self.bise = self._started()

    @property
    def namespace(self) -> Namespace:
        return self.topology.router

    @property
    def router(self) -> Router:
        return Router(self.topology, self.bise)

    def port(self, name: str) -> Port:
        return next(port for port in PORTS if port.name == name)

    def drawn_port(self) -> Port:
        """One that the hosts' way to each other may do without for a while."""
        return self.chance.choice(PORTS)

    def prepare(self, port: Port) -> None:
        """What a new interface needs, beside its addresses."""
        self.namespace.sysctl({f"net/ipv6/conf/{port.name}/keep_addr_on_down": 1})
        with self.topology.hosts[port.name].inside():
            subprocess.run(["ethtool", "-K", port.far, "gro", "off"], check=True, capture_output=True)

    def write_node(self, variant: int) -> None:
        """Two texts of one meaning: each is compiled once, however often they come."""
        self.node.write_text(self._variants[variant % len(self._variants)])

    def ask(self, verb: str, **arguments: object) -> Any:
        """Raises BiseError where Bise says no, or nothing."""
        with ControlClient(self.bise.name, reply_within_s=COMPILES_WITHIN_S) as client:
            return client.ask(verb, **arguments)

    def _started(self) -> RunningBise:
        cores = ",".join(map(str, CORES))
        words = ("--cores", cores, "--queues", str(len(CORES)), "--node", str(self.node), "--config", str(self._config))
        begun = RunningBise(self.topology.router, [port.name for port in PORTS], words)
        begun.__enter__()
        self.life += 1
        return begun

    def end(self, *, kill: bool) -> None:
        """Ends Bise, cleanly or not. Raises NotForwarding where it doesn't end, or ends with an error."""
        self.logs = self.bise.log()
        if kill:
            self.bise.process.kill()
            self.bise.process.wait()  # the socket that it leaves is the next one's to take away
            return
        self.bise.process.terminate()
        with suppress(Exception):
            self.bise.process.wait(PATIENCE_S)
        if self.bise.process.returncode != 0:
            raise NotForwarding(f"bise run ended with {self.bise.process.returncode}:\n{self.bise.log()[-2000:]}")

    def start(self) -> None:
        self.bise = self._started()

    def settle(self) -> None:
        """Waits until Bise forwards by itself all that it can. Raises AssertionError where that never comes true."""
        wait_until("it forwards, without a gate, all being known", self._is_settled, PATIENCE_S)

    def _is_settled(self) -> bool:
        try:
            status = self.ask("status")
        except BiseError:
            self.bise.is_forwarding()  # raises where it has ended
            return False
        ports = all(port["state"] == "up" and port["gate"] is None for port in status["ports"])
        return status["state"] == "forwarding" and status["mirror"]["clean"] and not status["gates"] and ports

    def ip(self, lines: Sequence[str]) -> None:
        """Lines of `ip` in the router; what contradicts what is there by now is refused and left out."""
        text = "\n".join(lines) + "\n"
        self.namespace.run("sh", "-c", f"ip -force -batch - >/dev/null 2>&1 <<'LINES'\n{text}LINES\ntrue")


def _variants() -> list[str]:
    text = (ROOT / "examples" / f"{NODE}.py").read_text()
    return [text, text.replace('"tracker.example"', '"tracker.example", "soak.example"')]


@contextmanager
def trial(topology: Topology, flows: Flows, chance: random.Random, spread: bool = False) -> Iterator[Trial]:
    """Bise forwards, and ends with the block."""
    found = Trial(topology, flows, chance, spread)
    try:
        found.router.meet_hosts()
        yield found
    finally:
        if found.bise.process.poll() is None:
            found.bise.stop()
        Path(f"/run/bise/{found.bise.name}.sock").unlink(missing_ok=True)
