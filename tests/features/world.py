"""A router's network made by hand: six ports, every kind of route, neighbours that answer and some that don't.

The features are told of it in Linux's objects; `look_up` says what it means in words, by asking every route.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from bise.control.changes import Added, rerouted
from bise.control.gates.settings import Multipath, Settings
from bise.control.objects import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    AddressFlag,
    NeighbourState,
    Path,
    Route,
    RouteKind,
)
from bise.features.feature import Feature, PortFacts
from tests.features.network import Network, destination, link, neighbour

FIRST_LINK = 11
ELSEWHERE = 99  # a link that is no port
POLICY = {4: Multipath(1, seed=0x5EED), 6: Multipath(1, seed=0x5EED)}


@dataclass(frozen=True)
class Port:
    """As in PortFacts; its link is FIRST_LINK and its number more."""

    number: int
    mtu: int = 1500
    mtu6: int = 1500
    incomplete: bool = False
    punted: frozenset[int] = frozenset()
    rp_filter: int = 0
    gate: int = 0
    addressed: bool = True

    @property
    def link(self) -> int:
        return FIRST_LINK + self.number

    @property
    def mac(self) -> int:
        return 0x02_00_00_00_00_00 | self.link

    @property
    def facts(self) -> PortFacts:
        return PortFacts(
            self.number, f"port{self.link}", self.link, self.mac, self.mtu, self.mtu6, self.incomplete, self.punted,
            self.rp_filter, self.gate,
        )  # fmt: skip


PORTS = (
    Port(0),
    Port(1, rp_filter=1, incomplete=True),
    Port(2, mtu=600, mtu6=120, rp_filter=2, incomplete=True),
    Port(3, punted=frozenset({6}), rp_filter=2, addressed=False),
    Port(4, punted=frozenset({4}), gate=4),
    Port(5, gate=2),
)


@dataclass(frozen=True)
class Way:
    """Where packets go: `kind` in a word, and for "forward" by which port, to which MAC; groups list ways."""

    kind: str
    port: int = 0
    mac: int = 0
    mtu: int = 0
    weights: tuple[int, ...] = ()
    ways: tuple["Way", ...] = ()


# By family: neighbours as (address, port, the last octet of the MAC or None, whether Linux asked in vain).
NEIGHBOURS = (
    ("10.0.0.2", 0, 0x02, False), ("10.0.1.2", 1, 0x12, False), ("10.0.2.2", 2, 0x22, False),
    ("10.0.3.2", 3, 0x32, False), ("10.0.4.2", 4, 0x42, False), ("10.0.5.2", 5, 0x52, False),
    ("10.0.0.9", 0, None, False), ("10.0.1.9", 1, None, True),
    ("2001:db8:0::2", 0, 0x02, False), ("2001:db8:1::2", 1, 0x12, False), ("2001:db8:2::2", 2, 0x22, False),
    ("2001:db8:3::2", 3, 0x32, False), ("2001:db8:4::2", 4, 0x42, False), ("2001:db8:5::2", 5, 0x52, False),
    ("2001:db8:0::9", 0, None, False), ("2001:db8:1::9", 1, None, True),
)  # fmt: skip

# Gateways by prefix, several with weights; "link N" for a connected network; another word for an end.
ROUTES = {
    **{f"10.0.{n}.0/24": f"link {n}" for n in range(6)},
    **{f"20.{n}.0.0/16": f"10.0.{n}.2" for n in range(6)},
    "20.0.9.0/24": "10.0.0.9", "20.1.9.0/24": "10.0.1.9", "20.0.8.0/24": "10.0.0.2 mtu 100",
    "20.6.0.0/16": "blackhole", "20.7.0.0/16": "unreachable", "20.8.0.0/16": "prohibit", "20.9.0.0/16": "throw",
    "20.10.0.0/16": "elsewhere", "20.11.0.0/16": "10.0.0.2 x 1, 10.0.1.2 x 2, 10.0.2.2 x 1",
    "20.12.0.0/16": "10.0.0.9 x 1, 10.0.2.2 x 3, 10.0.4.2 x 1",
    **{f"2001:db8:{n}::/64": f"link {n}" for n in range(6)},
    **{f"2001:db8:2{n}::/48": f"2001:db8:{n}::2" for n in range(6)},
    "2001:db8:20:9::/64": "2001:db8:0::9", "2001:db8:21:9::/64": "2001:db8:1::9",
    "2001:db8:20:8::/64": "2001:db8:0::2 mtu 1280", "2001:db8:26::/48": "blackhole",
    "2001:db8:27::/48": "unreachable", "2001:db8:28::/48": "prohibit", "2001:db8:29::/48": "throw",
    "2001:db8:2a::/48": "elsewhere", "2001:db8:2b::/48": "2001:db8:0::2 x 1, 2001:db8:1::2 x 2, 2001:db8:2::2 x 1",
    "2001:db8:2c::/48": "2001:db8:1::9 x 1, 2001:db8:2::2 x 3, 2001:db8:3::2 x 1",
}  # fmt: skip
LOCAL = {
    **{f"10.0.{n}.1/32": "local" for n in range(6) if n != 3},
    **{f"10.0.{n}.255/32": "broadcast" for n in range(6)},
    "127.0.0.0/8": "local",
    **{f"2001:db8:{n}::1/128": "local" for n in range(6)},
    "2001:db8:0::/128": "anycast", "fe80::/64": "local", "ff00::/8": "multicast", "::1/128": "local",
}  # fmt: skip
_FIXED = (
    "0.0.0.0/32", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "fe80::/10", "ff00::/8",
)  # fmt: skip
_KINDS = {"anycast": "local", "multicast": "broadcast", "throw": "kernel", "elsewhere": "other-link"}
PREFIXES = [(ip_network(text), words) for text, words in (*ROUTES.items(), *LOCAL.items())]
_MACS = {int(ip_address(text)): (port, mac, lost) for text, port, mac, lost in NEIGHBOURS}


def way_to(gateway: str, version: int) -> Way:
    """Through a neighbour, perhaps with "mtu N" behind it."""
    address, _, mtu = gateway.partition(" mtu ")
    number, octet, lost = _MACS[int(ip_address(address))]
    port = PORTS[number]
    if version in port.punted:
        return Way("other-link")
    if octet is None:
        return Way("lost" if lost else "unresolved")
    own = port.mtu if version == 4 else min(port.mtu, port.mtu6)
    return Way("forward", number, 0x02_FF_00_00_00_00 | octet, int(mtu or 0) or own)


def look_up(version: int, address: int) -> Way:
    """By asking every route; neighbours on connected networks answer for themselves."""
    target = ip_address(address.to_bytes(4 if version == 4 else 16, "big"))
    if any(target in ip_network(text) for text in _FIXED if ip_network(text).version == version):
        return Way("kernel")
    found = [(net.prefixlen, words) for net, words in PREFIXES if net.version == version and target in net]
    if not found:
        return Way("no-route")
    words = max(found, key=lambda one: one[0])[1]
    if words.startswith("link "):
        number = int(words[5:])
        known = _MACS.get(address)
        if known and known[0] == number and known[1] is not None:
            return way_to(str(target), version)
        return Way("unresolved")
    if words[0].isdigit():
        return _gateways(words, version)
    return Way(_KINDS.get(words, words))


def _gateways(words: str, version: int) -> Way:
    if " x " not in words:
        return way_to(words, version)
    parts = [one.split(" x ") for one in words.split(", ")]
    ways = tuple(way_to(gateway, version) for gateway, _ in parts)
    return Way("group", weights=tuple(int(weight) for _, weight in parts), ways=ways)


def _route(words: str, version: int) -> Route:
    if words.startswith("link "):
        return Route(RouteKind.UNICAST, (Path(FIRST_LINK + int(words[5:])),))
    if words == "elsewhere":
        return Route(RouteKind.UNICAST, (Path(ELSEWHERE, int(ip_address("fd00::1" if version == 6 else "10.9.9.9"))),))
    if not words[0].isdigit():
        return Route(RouteKind[words.upper()])
    words, _, mtu = words.partition(" mtu ")
    paths = []
    for one in words.split(", "):
        gateway, _, weight = one.partition(" x ")
        address = int(ip_address(gateway))
        paths.append(Path(FIRST_LINK + _MACS[address][0], address, version, int(weight or 1)))
    return Route(RouteKind.UNICAST, tuple(paths), mtu=int(mtu or 0))


def network() -> Network:
    """The same in Linux's objects."""
    found = Network()
    for port in PORTS:
        found.set(link(port.link, mtu=port.mtu))
        if port.addressed:
            own = int(ip_address(f"10.0.{port.number}.1"))
            found.set(Address(port.link, 4, own, 24, own, None, 0, AddressFlag.PERMANENT))
    found.set(link(ELSEWHERE))
    for text, number, octet, lost in NEIGHBOURS:
        address, state = ip_address(text), NeighbourState.FAILED if lost else NeighbourState.REACHABLE
        mac = None if octet is None else 0x02_FF_00_00_00_00 | octet
        if octet is not None or lost:
            found.set(neighbour(FIRST_LINK + number, address.version, int(address), mac, state))
    for table, routes in ((TABLE_MAIN, ROUTES), (TABLE_LOCAL, LOCAL)):
        for text, words in routes.items():
            found.set(destination(text, [_route(words, ip_network(text).version)], table))
    return found


def tell(features: list[Feature], found: Network) -> None:
    """Makes the features know the whole network, the ports and the settings."""
    objects = (found.links, found.addresses, found.neighbours, found.next_hops)
    for feature in features:
        for port in PORTS:
            feature.set_port(port.facts)
        feature.set_settings(Settings(multipath4=POLICY[4], multipath6=POLICY[6]))
    for table in objects:
        for subject in table.values():
            for feature in features:
                feature.follow([Added(subject)])
    for feature in features:
        feature.follow(list(rerouted((None, one) for one in found.routes.values())))
