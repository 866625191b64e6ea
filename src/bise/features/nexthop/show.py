"""In words, for `bise explain`: which prefix and which next hop decided, and what is known of that."""

from collections.abc import Mapping
from dataclasses import dataclass

from bise.control.objects import Link, address_text, mac_text
from bise.features.feature import Notes
from bise.features.nexthop.control import End, Hops, Several, Want
from bise.features.nexthop.routes import Routes
from bise.features.nexthop.state import HopKind
from bise.features.nexthop.wants import Network

_ENDS = {
    HopKind.NO_ROUTE: "there is no route",
    HopKind.LOCAL: "for this host",
    HopKind.UNRESOLVED: "on the link itself, and who answers there is not known",
    HopKind.BLACKHOLE: "a blackhole",
    HopKind.UNREACHABLE: "unreachable",
    HopKind.PROHIBIT: "prohibited",
    HopKind.OTHER_LINK: "out by an interface that is no port",
    HopKind.KERNEL: "only Linux can follow it",
    HopKind.BROADCAST: "for all hosts, or a group",
}


@dataclass(frozen=True)
class Layout:
    """Where a family's header has what decides, from the header on: `size` is where it says its length, less `more`."""

    source: int
    destination: int
    hops: int
    size: int
    more: int


LAYOUTS = {4: Layout(12, 16, 8, 2, 0), 6: Layout(8, 24, 7, 4, 40)}


class Shown:
    """What decided in the nodes of one family."""

    def __init__(self, routes: Routes, hops: Hops, network: Network) -> None:
        self._routes, self._hops, self._network = routes, hops, network
        self._layout = LAYOUTS[routes.family]

    def why(self, node: str, notes: Notes) -> str:
        """As `Feature.why`, for the nodes that both families have."""
        match node.split(".")[1]:
            case "look_up":
                return self.decided(self._address(notes, self._layout.destination))
            case "choose" if notes.edge != "GROUP":
                return f"the flow's hash: {self._chosen(notes)}"
            case "forward":
                return self._forward(notes)
        return ""

    def way_back(self, notes: Notes) -> str:
        """Where the packet's source is routed to."""
        return self.decided(self._address(notes, self._layout.source))

    def decided(self, address: int) -> str:
        """The longest prefix that holds an address, and where it leads."""
        routes, links = self._routes, self._network.links
        found, text = routes.deciding(address), address_text(routes.family, address)
        if found is None:
            return f"no prefix holds {text}"
        prefix, length, index = found
        words = hop(self._hops, self._hops.wanted(index), links)
        if routes.is_host(prefix, length):
            return f"{text} is a neighbour: {words}"
        why = routes.why(prefix, length)
        return f"{address_text(routes.family, prefix)}/{length}: {words}" + (f" ({why})" if why else "")

    def _chosen(self, notes: Notes) -> str:
        return hop(self._hops, self._hops.wanted(self._hops.index_at(notes.hop)), self._network.links)

    def _forward(self, notes: Notes) -> str:
        record, at = self._hops.record(self._hops.index_at(notes.hop)), notes.l3
        age = f"{'TTL' if self._routes.family == 4 else 'hop limit'} {notes.octets[at + self._layout.hops]}"
        size = int.from_bytes(notes.octets[at + self._layout.size :][:2], "big") + self._layout.more
        match notes.edge:
            case "TOO_BIG":
                return f"{size} octets, and the way out takes {record.mtu}"
            case "TTL_EXPIRED" | "HOP_LIMIT":
                return age
            case "OUTPUT":
                return f"{age} from here on; {size} octets of {record.mtu} at most"
        return ""

    def _address(self, notes: Notes, offset: int) -> int:
        octets = 4 if self._routes.family == 4 else 16
        return int.from_bytes(notes.octets[notes.l3 + offset :][:octets], "big")


def hop(hops: Hops, want: Want, links: Mapping[int, Link]) -> str:
    """A next hop, and what is known of it."""
    match want:
        case Several():
            return "one of " + "; ".join(hop(hops, part, links) for _, part in want.shares)
        case End():
            return _ENDS[want.kind]
    link = links[want.link].name if want.link in links else str(want.link)
    way = f"via {address_text(want.family, want.address)} on {link}"
    if not hops.is_port(want.link):
        return f"{way}, which is no port"
    mac = hops.mac_of(want)
    return f"{way}, whose MAC is {mac_text(mac)}" if mac is not None else f"{way}, whose MAC is not known"
