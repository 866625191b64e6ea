"""What Linux's network consists of, as typed values: links, addresses, neighbours, routes, next-hop objects, rules.

Every object is frozen and carries what it means, never netlink attributes. IP addresses are integers beside a `family`
of 4 or 6 (their octets read in network order), MACs integers of 48 bits, lengths of prefixes in bits, links are named
by interface index (`link`; 0 is none). Numbers come from the kernel's headers, named at each class.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

ALL_LINKS = -1
"""`InterfaceSettings.link` of `net.ipv4.conf.all` (`NETCONFA_IFINDEX_ALL`)."""
DEFAULT_LINK = -2
"""`InterfaceSettings.link` of `net.ipv4.conf.default`: what links made later begin with."""

TABLE_DEFAULT, TABLE_MAIN, TABLE_LOCAL = 253, 254, 255  # linux/rtnetlink.h, enum rt_class_t


def address_text(family: int, address: int) -> str:
    """An address as people write it: 10.0.0.1, 2001:db8::1."""
    return str(IPv4Address(address) if family == 4 else IPv6Address(address))


def mac_text(mac: int) -> str:
    """A MAC as people write it: 02:00:00:00:00:01."""
    return mac.to_bytes(6, "big").hex(":")


class LinkLayer(IntEnum):
    """What a link carries packets in (linux/if_arp.h, ARPHRD_*)."""

    OTHER = -1
    ETHERNET = 1
    LOOPBACK = 772
    NONE = 0xFFFE
    """Bare IP packets, as a tunnel or a layer-3 TUN carries."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface (linux/if_link.h)."""

    index: int
    name: str
    kind: LinkLayer
    link_kind: str
    """What Linux calls the driver of a virtual link (`IFLA_INFO_KIND`): veth, vlan, vrf, bond …; "" of hardware."""
    mac: int | None
    mtu: int
    flags: int
    """Linux's own flags (linux/if.h, IFF_*) but IFF_LOWER_UP."""
    up: bool
    """Switched on by the administrator."""
    running: bool
    """Has a carrier: what Linux's route look-up asks before it calls a path dead (`IFF_RUNNING` or `IFF_LOWER_UP`)."""
    master: int = 0
    """The bridge, bond or VRF that it is enslaved to."""
    slave_kind: str = ""
    """What the master makes of it (`IFLA_INFO_SLAVE_KIND`): bridge, bond, vrf …"""
    parent: int = 0
    """The link below (VLAN, MACsec), an index of `parent_namespace` where that is set. Linux doesn't announce a veth's
    other end, which isn't kept."""
    parent_namespace: int | None = None
    qdisc: str = ""
    """The root queueing discipline; its handle isn't in this message."""
    xdp_program: int = 0
    """Identity of the XDP program that sits on the link; 0 is none."""
    vlan_id: int | None = None
    vlan_protocol: int | None = None
    """EtherType of a VLAN link's tag: 0x8100 or 0x88a8."""
    vrf_table: int | None = None
    """The routing table of a VRF link."""


class AddressKey(NamedTuple):
    """What tells two addresses apart; for IPv6 link and address alone (the other fields are 0 then)."""

    link: int
    family: int
    address: int
    prefix_length: int
    peer: int


class AddressFlag(IntFlag):
    """linux/if_addr.h, IFA_F_*."""

    SECONDARY = 0x01
    NODAD = 0x02
    OPTIMISTIC = 0x04
    DADFAILED = 0x08
    HOMEADDRESS = 0x10
    DEPRECATED = 0x20
    TENTATIVE = 0x40
    PERMANENT = 0x80
    MANAGETEMPADDR = 0x100
    NOPREFIXROUTE = 0x200
    MCAUTOJOIN = 0x400
    STABLE_PRIVACY = 0x800


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address of a link (linux/if_addr.h). Lifetimes aren't kept: Linux announces what they lead to."""

    link: int
    family: int
    address: int
    """Ours (`IFA_LOCAL`, or `IFA_ADDRESS` where there is no peer)."""
    prefix_length: int
    peer: int
    """The other end of a point-to-point address; our own address otherwise."""
    broadcast: int | None
    scope: int
    """linux/rtnetlink.h, RT_SCOPE_*: 0 global, 253 link, 254 host."""
    flags: AddressFlag

    @property
    def key(self) -> AddressKey:
        if self.family == 6:
            return AddressKey(self.link, 6, self.address, 0, 0)
        return AddressKey(self.link, 4, self.address, self.prefix_length, self.peer)


class NeighbourState(IntEnum):
    """linux/neighbour.h, NUD_*. Linux announces neither DELAY, PROBE nor INCOMPLETE."""

    NONE = 0x00
    INCOMPLETE = 0x01
    REACHABLE = 0x02
    STALE = 0x04
    DELAY = 0x08
    PROBE = 0x10
    FAILED = 0x20
    NOARP = 0x40
    PERMANENT = 0x80


_VALID = frozenset(
    {
        NeighbourState.REACHABLE,
        NeighbourState.STALE,
        NeighbourState.DELAY,
        NeighbourState.PROBE,
        NeighbourState.NOARP,
        NeighbourState.PERMANENT,
    }
)
_AGEING = _VALID - {NeighbourState.NOARP, NeighbourState.PERMANENT}


class NeighbourKey(NamedTuple):
    link: int
    family: int
    address: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What Linux knows of an address on a link (linux/neighbour.h)."""

    link: int
    family: int
    address: int
    mac: int | None
    state: NeighbourState
    flags: int
    """linux/neighbour.h, NTF_*."""

    @property
    def key(self) -> NeighbourKey:
        return NeighbourKey(self.link, self.family, self.address)

    @property
    def valid(self) -> bool:
        """Whether packets may be sent to `mac` (the kernel's NUD_VALID)."""
        return self.mac is not None and self.state in _VALID

    @property
    def ageing(self) -> bool:
        """Whether Linux lets go of it unless it sees it used."""
        return self.state in _AGEING


class RouteKind(IntEnum):
    """linux/rtnetlink.h, RTN_*."""

    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8
    THROW = 9
    NAT = 10
    XRESOLVE = 11


class Prefix(NamedTuple):
    """Where a packet goes: one prefix in one routing table. The key of the mirror's routes."""

    family: int
    table: int
    destination: int
    """The whole address, its last bits zero: `destination >> (32 - length)` for IPv4, 128 for IPv6."""
    length: int

    @property
    def number(self) -> int:
        """What tells it from others of its table: the destination, and the length in the last 8 bits."""
        return self.destination << 8 | self.length

    def __str__(self) -> str:
        return f"{address_text(self.family, self.destination)}/{self.length}"


@dataclass(frozen=True, slots=True)
class Path:
    """One way that a route can take: a link, and a gateway on it.

    Whether it is dead isn't kept here, but follows from its link (`Mirror.usable`): a link that flaps changes no route.
    """

    link: int
    via: int | None = None
    """The gateway's address, or None where the destination itself is on the link."""
    via_family: int = 0
    """The gateway's family, which may be 6 under an IPv4 route (RFC 5549); 0 where there is none."""
    weight: int = 1
    """From 1 to 256, or to 65536 in a group of next-hop objects."""
    onlink: bool = False
    """The gateway is taken to be on the link, whatever the addresses there say."""
    encapsulation: int | None = None
    """Linux adds a header by itself on this path (linux/lwtunnel.h, LWTUNNEL_ENCAP_*)."""


@dataclass(frozen=True, slots=True)
class Route:
    """What Linux does with packets to a prefix (linux/rtnetlink.h, struct rtmsg).

    It doesn't name the prefix, so that a full table consists of a few of these, shared: compare them with `is` first.
    """

    kind: RouteKind
    paths: tuple[Path, ...] = ()
    """Empty where packets end, and where `next_hop_id` says where they go (`Mirror.paths`)."""
    metric: int = 0
    tos: int = 0
    """The DSCP, in the place that it has in the header, that packets must have; 0 is any."""
    protocol: int = 0
    """Who made it (RTPROT_*): 2 the kernel, 3 at boot, 4 an administrator, 9 a router advertisement, 12 BIRD …"""
    scope: int = 0
    mtu: int = 0
    """What `ip route … mtu` set, for forwarded packets, too; 0 is the link's."""
    mtu_locked: bool = False
    next_hop_id: int = 0
    preferred_source: int = 0
    source: int = 0
    source_length: int = 0
    """IPv6 only: the route is for packets from `source/source_length`."""
    preference: int = 0
    """IPv6 only (RFC 4191): 0 medium, 1 high, 3 low."""
    metrics: tuple[tuple[int, int], ...] = ()
    """The other metrics (linux/rtnetlink.h, RTAX_*) by number. They concern what Linux sends itself."""
    realm: int = 0
    """What tc and rules know it by (`RTA_FLOW`)."""

    @property
    def links(self) -> frozenset[int]:
        return frozenset(path.link for path in self.paths)


@dataclass(frozen=True, slots=True)
class Destination:
    """A prefix and all its routes, in the order in which Linux tries them: the next where the one before is dead."""

    prefix: Prefix
    routes: tuple[Route, ...]


class GroupMember(NamedTuple):
    id: int
    weight: int


@dataclass(frozen=True, slots=True)
class Resilience:
    """How a resilient group moves its buckets (linux/nexthop.h, NHA_RES_GROUP_*); times in hundredths of a second."""

    buckets: int
    idle_timer_cs: int
    unbalanced_timer_cs: int


@dataclass(frozen=True, slots=True)
class NextHopObject:
    """A next hop that routes name by number (linux/nexthop.h): a path, a group of them, or an end."""

    id: int
    family: int
    """4 or 6; 0 of a group."""
    path: Path | None = None
    group: tuple[GroupMember, ...] = ()
    resilience: Resilience | None = None
    blackhole: bool = False
    fdb: bool = False
    """For the forwarding table of a bridge or VXLAN; no route may use it."""
    protocol: int = 0


class RuleAction(IntEnum):
    """linux/fib_rules.h, FR_ACT_*."""

    UNSPECIFIED = 0
    TO_TABLE = 1
    GOTO = 2
    NOP = 3
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy rule: which packets look where (linux/fib_rules.h). It is its own identity."""

    family: int
    priority: int
    action: RuleAction
    table: int
    selectors: tuple[tuple[str, str], ...] = ()
    """What a packet must be for the rule to hold, as words: ("from", "10.0.0.0/8"), ("iif", "eth0") …; () is any."""
    l3mdev: bool = False
    """Looks in the table of the VRF that the packet is in."""
    protocol: int = 0

    @property
    def is_default(self) -> bool:
        """Whether it is one of those that every network namespace begins with."""
        defaults = {4: {0: 255, 32766: 254, 32767: 253}, 6: {0: 255, 32766: 254}}[self.family]
        plain = self.action is RuleAction.TO_TABLE and not self.selectors and not self.l3mdev
        return plain and defaults.get(self.priority) == self.table


class SettingsKey(NamedTuple):
    family: int
    link: int


@dataclass(frozen=True, slots=True)
class InterfaceSettings:
    """The settings of a link that Linux announces (linux/netconf.h); None where it doesn't have one for the family."""

    family: int
    link: int
    """An interface's index, `ALL_LINKS` or `DEFAULT_LINK`."""
    forwarding: bool | None = None
    rp_filter: int | None = None
    multicast_forwarding: bool | None = None
    proxy_neighbours: bool | None = None
    ignore_routes_with_linkdown: bool | None = None
    broadcast_forwarding: bool | None = None

    @property
    def key(self) -> SettingsKey:
        return SettingsKey(self.family, self.link)


MirrorObject: TypeAlias = Link | Address | Neighbour | Destination | NextHopObject | Rule | InterfaceSettings
