"""The router that measurements are made on: client, router, server and two veth pairs, made with `ip` alone.

            c0 ─── c            s ─── s0
client  198.18.0.2 │   router   │ 198.18.1.2  server, and every destination behind it
                   198.18.0.1   198.18.1.1
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from bise.bench.generator import serve_port
from bise.bench.generator.cores import move, staying_on
from bise.bench.namespaces import Namespace, Namespaces, remove_leftovers, veth

ROUTER_MAC, CLIENT_MAC = "02:00:00:00:01:01", "02:00:00:00:01:02"
ROUTER_MAC_OUT, SERVER_MAC = "02:00:00:00:02:01", "02:00:00:00:02:02"
SOURCE = "198.18.0.2"
_QUIET = {"net/ipv6/conf/default/disable_ipv6": 1}  # of its own accord nobody sends anything


@dataclass(frozen=True)
class Cores:
    """Who works where: `traffic` generates and counts, `forwarding` forwards."""

    traffic: int = 0
    forwarding: int = 1


class Line:
    """Client, router and server, present while the block runs. Interfaces in the router: c and s."""

    client: Namespace
    router: Namespace
    server: Namespace

    def __init__(self, routes: int = 16, cores: Cores | None = None, purpose: str = "bise") -> None:
        """`routes` networks of 256 addresses lie behind the server."""
        if not 0 < routes <= 20_000:
            raise ValueError(f"{routes} routes: there is room for 20000")
        self.cores = cores or Cores()
        self.networks = [f"20.{number >> 8}.{number & 255}" for number in range(routes)]
        self._purpose = purpose
        self._present = ExitStack()

    def __enter__(self) -> Self:
        remove_leftovers(self._purpose)
        with ExitStack() as stack:
            roles = Namespaces("client", "router", "server", purpose=self._purpose)
            self.client, self.router, self.server = stack.enter_context(roles)
            stack.enter_context(staying_on(self.cores.traffic))
            self._build()
            self._present = stack.pop_all()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._present.close()

    def _build(self) -> None:
        for namespace in (self.client, self.router, self.server):
            namespace.sysctl(_QUIET)
        veth(self.client, "c0", self.router, "c")
        veth(self.server, "s0", self.router, "s")
        self.client.ip(f"link set dev c0 address {CLIENT_MAC}", "link set dev c0 up")
        self.server.ip(f"link set dev s0 address {SERVER_MAC}", "link set dev s0 up")
        self.router.ip(
            f"link set dev c address {ROUTER_MAC}",
            f"link set dev s address {ROUTER_MAC_OUT}",
            "link set dev lo up",
            "link set dev c up",
            "link set dev s up",
            "address add 198.18.0.1/24 dev c",
            "address add 198.18.1.1/24 dev s",
            f"neighbour add 198.18.0.2 lladdr {CLIENT_MAC} dev c nud permanent",
            f"neighbour add 198.18.1.2 lladdr {SERVER_MAC} dev s nud permanent",
            *(f"route add {network}.0/24 via 198.18.1.2" for network in self.networks),
        )
        self.router.sysctl({"net/ipv4/ip_forward": 1})
        self.incoming = serve_port(self.router, "c")
        for namespace, interface in ((self.server, "s0"), (self.router, "s")):
            move(serve_port(namespace, interface), self.cores.traffic, first=True)
        self.kernel_forwards()

    def destinations(self, count: int = 4096) -> list[str]:
        """Addresses spread over the networks."""
        size = len(self.networks)
        return [f"{self.networks[number % size]}.{1 + number // size % 254}" for number in range(count)]

    def kernel_forwards(self, *, first: bool = False) -> None:
        """The core that forwards serves the port that traffic comes in by: that is where the kernel forwards.

        `first`: ahead of all ordinary tasks; for rates that don't fill the core.
        """
        move(self.incoming, self.cores.forwarding, first=first)

    def worker_forwards(self) -> None:
        """The other core serves that port, and a worker has the core that forwards to itself."""
        move(self.incoming, self.cores.traffic, first=True)
