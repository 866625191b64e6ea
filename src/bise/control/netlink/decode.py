"""From rtnetlink messages to the objects of `control/objects.py`: everything but routes, which come by the million.

Each function takes the octets received and where the body of one message lies in them. It returns None for messages of
the same type that concern something else (a bridge's forwarding entries, multicast routing). What can't be read raises
NetlinkError.
"""

from struct import Struct

from bise.control.netlink.kinds import FAMILIES
from bise.control.netlink.message import Attributes, NetlinkError, fixed
from bise.control.objects import (
    ALL_LINKS,
    Address,
    AddressFlag,
    GroupMember,
    InterfaceSettings,
    Link,
    LinkLayer,
    Neighbour,
    NeighbourState,
    NextHopObject,
    Path,
    Resilience,
)

LINK = Struct("=BxHiII")
"""ifinfomsg: family, layer, index, flags, change."""
ADDRESS = Struct("=BBBBI")
"""ifaddrmsg: family, prefix length, flags, scope, index."""
NEIGHBOUR = Struct("=BxxxiHBB")
"""ndmsg: family, index, state, flags, type."""
NEXT_HOP = Struct("=BBBxI")
"""nhmsg: family, scope, protocol, flags."""
SETTINGS = Struct("=Bxxx")
"""netconfmsg: family, padded to the alignment of attributes."""
_GROUP_ENTRY = Struct("=IBBxx")

_UP, _RUNNING, _LOWER_UP = 0x1, 0x40, 0x10000  # linux/if.h, IFF_*
_NTF_PROXY = 0x08
_NTF_LASTING = 0xFF & ~0x01  # NTF_USE is a request, not a property
_NHF_ONLINK = 0x4  # nhm_flags are RTNH_F_*
_LAYERS = {int(layer): layer for layer in LinkLayer}


class _IFLA:
    ADDRESS, NAME, MTU, LINK, QDISC, MASTER, WIRELESS = 1, 3, 4, 5, 6, 10, 11
    LINKINFO, LINK_NETNSID, XDP = 18, 37, 43
    INFO_KIND, INFO_DATA, INFO_SLAVE_KIND = 1, 2, 4
    VLAN_ID, VLAN_PROTOCOL = 1, 5
    VRF_TABLE = 1
    XDP_PROGRAM = 4


def link_identity(buffer: bytes, start: int, end: int) -> int | None:
    """Which link a message is about; None where it is about a bridge's port or a wireless event, not the link."""
    family, _, index, _, _ = fixed(LINK, buffer, start, end)
    return index if family == 0 else None


def decode_link(buffer: bytes, start: int, end: int) -> Link | None:
    family, layer, index, flags, _ = fixed(LINK, buffer, start, end)
    if family != 0:
        return None
    values = Attributes(buffer, start + LINK.size, end)
    if _IFLA.WIRELESS in values:
        return None
    about = values.nested(_IFLA.LINKINFO)
    kind = about.text(_IFLA.INFO_KIND)
    data = about.nested(_IFLA.INFO_DATA) if kind in ("vlan", "vrf") else Attributes(b"", 0, 0)
    stacked = kind != "veth"
    mac = values.octets(_IFLA.ADDRESS)
    return Link(
        index=index,
        name=values.text(_IFLA.NAME),
        kind=_LAYERS.get(layer, LinkLayer.OTHER),
        link_kind=kind,
        mac=int.from_bytes(mac, "big") if mac is not None and len(mac) == 6 else None,
        mtu=values.number(_IFLA.MTU),
        flags=flags & ~_LOWER_UP,  # which changes up to a second before Linux announces it, and acts on it
        up=bool(flags & _UP),
        running=bool(flags & (_RUNNING | _LOWER_UP)),
        master=values.number(_IFLA.MASTER),
        slave_kind=about.text(_IFLA.INFO_SLAVE_KIND),
        parent=values.number(_IFLA.LINK) if stacked else 0,
        parent_namespace=values.signed(_IFLA.LINK_NETNSID) if stacked and _IFLA.LINK_NETNSID in values else None,
        qdisc=values.text(_IFLA.QDISC),
        xdp_program=values.nested(_IFLA.XDP).number(_IFLA.XDP_PROGRAM),
        vlan_id=data.number(_IFLA.VLAN_ID) if kind == "vlan" else None,
        vlan_protocol=data.network_number(_IFLA.VLAN_PROTOCOL) if kind == "vlan" else None,
        vrf_table=data.number(_IFLA.VRF_TABLE) if kind == "vrf" else None,
    )


class _IFA:
    ADDRESS, LOCAL, BROADCAST, FLAGS = 1, 2, 4, 8


def decode_address(buffer: bytes, start: int, end: int) -> Address | None:
    af, length, flags, scope, index = fixed(ADDRESS, buffer, start, end)
    family = FAMILIES.get(af)
    if family is None:
        return None
    values = Attributes(buffer, start + ADDRESS.size, end)
    whole = values.address(_IFA.ADDRESS, family)
    ours = values.address(_IFA.LOCAL, family)
    if ours is None:
        ours = whole
    if ours is None:
        raise NetlinkError("an address message without an address")
    return Address(
        link=index,
        family=family,
        address=ours,
        prefix_length=length,
        peer=ours if whole is None else whole,
        broadcast=values.address(_IFA.BROADCAST, family),
        scope=scope,
        flags=AddressFlag(values.number(_IFA.FLAGS, flags)),
    )


_NDA_DST, _NDA_LLADDR = 1, 2


def decode_neighbour(buffer: bytes, start: int, end: int) -> Neighbour | None:
    """Entries that Linux answers for others (`ip neigh add proxy`) are no neighbours: None."""
    af, index, state, flags, _ = fixed(NEIGHBOUR, buffer, start, end)
    family = FAMILIES.get(af)
    if family is None or flags & _NTF_PROXY:
        return None
    values = Attributes(buffer, start + NEIGHBOUR.size, end)
    address = values.address(_NDA_DST, family)
    if address is None:
        raise NetlinkError("a neighbour message without an address")
    mac = values.octets(_NDA_LLADDR)
    try:
        known = NeighbourState(state)
    except ValueError:
        raise NetlinkError(f"a neighbour in the unknown state {state:#x}") from None
    return Neighbour(
        link=index,
        family=family,
        address=address,
        mac=int.from_bytes(mac, "big") if mac is not None and len(mac) == 6 else None,
        state=known,
        flags=flags & _NTF_LASTING,
    )


class _NHA:
    ID, GROUP, GROUP_TYPE, BLACKHOLE, OIF, GATEWAY, ENCAP_TYPE, ENCAP, FDB, RES_GROUP = 1, 2, 3, 4, 5, 6, 7, 8, 11, 12
    RES_BUCKETS, RES_IDLE_TIMER, RES_UNBALANCED_TIMER = 1, 2, 3


def next_hop_identity(buffer: bytes, start: int, end: int) -> int:
    return Attributes(buffer, start + NEXT_HOP.size, end).number(_NHA.ID)


def decode_next_hop(buffer: bytes, start: int, end: int) -> NextHopObject:
    af, _, protocol, flags = fixed(NEXT_HOP, buffer, start, end)
    values = Attributes(buffer, start + NEXT_HOP.size, end)
    family = FAMILIES.get(af, 0)
    blackhole = _NHA.BLACKHOLE in values
    fdb = _NHA.FDB in values
    path = None
    if _NHA.GROUP not in values and not blackhole:
        via = values.address(_NHA.GATEWAY, family) if family else None
        path = Path(
            link=values.number(_NHA.OIF),
            via=via,
            via_family=family if via is not None else 0,
            onlink=bool(flags & _NHF_ONLINK),
            encapsulation=values.number(_NHA.ENCAP_TYPE) or None,
        )
    return NextHopObject(
        id=values.number(_NHA.ID),
        family=family,
        path=path,
        group=_group(values.octets(_NHA.GROUP) or b""),
        resilience=_resilience(values),
        blackhole=blackhole,
        fdb=fdb,
        protocol=protocol,
    )


def _group(entries: bytes) -> tuple[GroupMember, ...]:
    """struct nexthop_grp: the identity, the weight less one in 8 bits, and 8 more above them since Linux 6.12."""
    if len(entries) % _GROUP_ENTRY.size:
        raise NetlinkError(f"a group of next hops in {len(entries)} octets")
    return tuple(GroupMember(one, (low | high << 8) + 1) for one, low, high in _GROUP_ENTRY.iter_unpack(entries))


def _resilience(values: Attributes) -> Resilience | None:
    if values.number(_NHA.GROUP_TYPE) != 1:
        return None
    how = values.nested(_NHA.RES_GROUP)
    return Resilience(
        buckets=how.number(_NHA.RES_BUCKETS),
        idle_timer_cs=how.number(_NHA.RES_IDLE_TIMER),
        unbalanced_timer_cs=how.number(_NHA.RES_UNBALANCED_TIMER),
    )


class _NETCONFA:
    LINK, FORWARDING, RP_FILTER, MULTICAST_FORWARDING, PROXY_NEIGHBOURS, IGNORE_LINKDOWN = 1, 2, 3, 4, 5, 6
    BROADCAST_FORWARDING = 8


def decode_settings(buffer: bytes, start: int, end: int) -> InterfaceSettings | None:
    """An announcement holds what has changed only; the rest is None."""
    family = FAMILIES.get(fixed(SETTINGS, buffer, start, end)[0])
    if family is None:
        return None
    values = Attributes(buffer, start + SETTINGS.size, end)
    if _NETCONFA.LINK not in values:
        return None

    def switch(kind: int) -> bool | None:
        return bool(values.number(kind)) if kind in values else None

    return InterfaceSettings(
        family=family,
        link=values.signed(_NETCONFA.LINK, ALL_LINKS),
        forwarding=switch(_NETCONFA.FORWARDING),
        rp_filter=values.number(_NETCONFA.RP_FILTER) if _NETCONFA.RP_FILTER in values else None,
        multicast_forwarding=switch(_NETCONFA.MULTICAST_FORWARDING),
        proxy_neighbours=switch(_NETCONFA.PROXY_NEIGHBOURS),
        ignore_routes_with_linkdown=switch(_NETCONFA.IGNORE_LINKDOWN),
        broadcast_forwarding=switch(_NETCONFA.BROADCAST_FORWARDING),
    )
