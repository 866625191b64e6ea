"""Topologies for tests: a router in the middle, one host behind each of its ports, all in namespaces of this process.

Port number n has 10.0.n.0/24 and 2001:db8:n::/64; the router is .1 and ::1 there, the host .2 and ::2, with MACs that
say the same; 10.1.n.0/24 and 2001:db8:10n::/64 are routed to the host. A *silent* host owns no address: it answers
nothing, and the router knows its MAC as a permanent neighbour. An *answering* host is an ordinary Linux host that
resolves and replies, with a default route to the router.
"""

import itertools
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from bise.bench.namespaces import Namespace, Namespaces, remove_leftovers, veth

PURPOSE = "bisetest"
_numbers = itertools.count()  # tell the topologies of one process apart

# Without these the kernels put packets of their own between ours: solicitations, duplicate address detection.
QUIET: Mapping[str, int | str] = {
    "net/ipv6/conf/default/accept_ra": 0,
    "net/ipv6/conf/default/accept_dad": 0,
    "net/ipv6/conf/default/dad_transmits": 0,
    "net/ipv6/conf/default/router_solicitations": 0,
}
FORWARDING: Mapping[str, int | str] = {"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1}


@dataclass(frozen=True)
class Port:
    """A port of the router: `name` there, `name`0 at the host."""

    name: str
    number: int
    mtu: int = 1500
    queues: int = 1

    @property
    def far(self) -> str:
        return f"{self.name}0"

    @property
    def router_mac(self) -> str:
        return f"02:00:00:00:{self.number:02x}:01"

    @property
    def host_mac(self) -> str:
        return f"02:00:00:00:{self.number:02x}:02"

    @property
    def router4(self) -> str:
        return f"10.0.{self.number}.1"

    @property
    def host4(self) -> str:
        return f"10.0.{self.number}.2"

    @property
    def router6(self) -> str:
        return f"2001:db8:{self.number}::1"

    @property
    def host6(self) -> str:
        return f"2001:db8:{self.number}::2"

    @property
    def beyond4(self) -> str:
        """An address of the network behind the host, which the host receives and drops."""
        return f"10.1.{self.number}.9"

    @property
    def beyond6(self) -> str:
        return f"2001:db8:10{self.number}::9"

    @property
    def sentinel4(self) -> str:
        """Another one, which tests leave alone: it shows that packets come through."""
        return f"10.1.{self.number}.254"

    @property
    def sentinel6(self) -> str:
        return f"2001:db8:10{self.number}::254"

    @property
    def routes(self) -> list[str]:
        return [
            f"route add 10.1.{self.number}.0/24 via {self.host4}",
            f"route add 2001:db8:10{self.number}::/64 via {self.host6}",
        ]


CLIENT, SERVER, THIRD = Port("c", 1), Port("s", 2), Port("t", 3)


class Topology:
    """The namespaces `router` and `hosts[port name]`, present while the block runs."""

    router: Namespace
    hosts: Mapping[str, Namespace]

    def __init__(
        self,
        ports: Sequence[Port] = (CLIENT, SERVER),
        *,
        hosts: Literal["silent", "answering"] = "silent",
        gro: bool = False,
        checksum_offload: bool = True,
    ) -> None:
        """GRO at the router's ports gives veth its NAPI. With the hosts'
        checksum offload, packets of their own arrive with a checksum of the pseudo header only."""
        self.ports = tuple(ports)
        self._silent = hosts == "silent"
        self._gro = gro
        self._checksum_offload = checksum_offload
        roles = ("router", *(port.name for port in ports))
        number = next(_numbers)
        self._namespaces = Namespaces(*(f"{number}{role}" for role in roles), purpose=PURPOSE)

    def __enter__(self) -> Self:
        remove_leftovers(PURPOSE)
        self.router, *hosts = self._namespaces.__enter__()
        self.hosts = dict(zip((port.name for port in self.ports), hosts, strict=True))
        try:
            self._build()
        except BaseException:
            self._namespaces.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *ended: Any) -> None:
        self._namespaces.__exit__(*ended)

    def _build(self) -> None:
        self.router.sysctl({**QUIET, **FORWARDING})
        for host in self.hosts.values():
            host.sysctl({**QUIET, "net/ipv6/conf/default/disable_ipv6": int(self._silent)})
        for port in self.ports:
            veth(self.hosts[port.name], port.far, self.router, port.name, port.queues, port.mtu)
        for port in self.ports:
            host = self.hosts[port.name]
            self._offloads(host, port.far, gro=False, checksum=self._checksum_offload)
            self._offloads(self.router, port.name, gro=self._gro, checksum=True)
            host.ip(*self._host_lines(port))
        self.router.ip("link set dev lo up", *(line for port in self.ports for line in self._router_lines(port)))

    def _host_lines(self, port: Port) -> list[str]:
        lines = [f"link set dev {port.far} address {port.host_mac}", f"link set dev {port.far} up"]
        if self._silent:
            return [*lines, f"link set dev {port.far} arp off"]
        return [
            "link set dev lo up",
            *lines,
            f"address add {port.host4}/24 dev {port.far}",
            f"address add {port.host6}/64 dev {port.far} nodad",
            f"route add default via {port.router4}",
            f"route add ::/0 via {port.router6}",
        ]

    def _router_lines(self, port: Port) -> list[str]:
        lines = [
            f"link set dev {port.name} address {port.router_mac}",
            f"link set dev {port.name} up",
            f"address add {port.router4}/24 dev {port.name}",
            f"address add {port.router6}/64 dev {port.name} nodad",
        ]
        if self._silent:
            for address in (port.host4, port.host6):
                lines.append(f"neighbour add {address} lladdr {port.host_mac} dev {port.name} nud permanent")
        return [*lines, *port.routes]

    def _offloads(self, namespace: Namespace, interface: str, *, gro: bool, checksum: bool) -> None:
        switch = {True: "on", False: "off"}
        with namespace.inside():
            _ethtool(interface, "gro", switch[gro], "tx", switch[checksum])


def _ethtool(interface: str, *settings: str) -> None:
    subprocess.run(["ethtool", "-K", interface, *settings], check=True, capture_output=True)
