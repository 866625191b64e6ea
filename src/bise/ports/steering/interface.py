"""What an interface is and can do: for `bise check`, and before a program is attached. Read, never written."""

import struct
from dataclasses import dataclass
from enum import Enum, IntFlag

from bise.ports.errors import PortError
from bise.ports.steering import ethtool, netlink


class Answer(Enum):
    """UNKNOWN: this kernel can't say beforehand; trying would tell."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class XdpMode(IntFlag):
    """How a program is attached (IFLA_XDP_ATTACHED)."""

    NONE = 0
    NATIVE = 1
    GENERIC = 2
    OFFLOADED = 3
    SEVERAL = 4


class Metadata(IntFlag):
    """What a program may ask the driver about a packet (netdev.yaml, xdp-rx-metadata)."""

    TIMESTAMP = 1
    HASH = 2
    VLAN_TAG = 4


_NATIVE_FEATURES = 1 | 2  # basic, redirect (netdev.yaml, xdp-act)
_SEVERAL_BUFFERS = 32


@dataclass(frozen=True)
class Interface:
    """An interface as the kernel describes it. `mac` is 48 bits in network order; `queues` are those that receive.

    `strips_tags`: hardware takes VLAN tags out (rxvlan); `merges_packets`: it makes large ones of several (LRO).
    """

    name: str
    ifindex: int
    up: bool
    mac: int
    mtu: int
    kind: str
    driver: str
    queues: int
    native: Answer
    several_buffers: Answer
    vlan_metadata: Answer
    strips_tags: bool
    merges_packets: bool
    xdp_mode: XdpMode
    xdp_program: int


def _answers(ifindex: int) -> tuple[Answer, Answer, Answer]:
    declared = netlink.netdev_features(ifindex)
    if declared is None:  # no netdev family, hence no metadata either
        return Answer.UNKNOWN, Answer.UNKNOWN, Answer.NO
    features, metadata = declared
    return (
        Answer.YES if features & _NATIVE_FEATURES == _NATIVE_FEATURES else Answer.NO,
        Answer.YES if features & _SEVERAL_BUFFERS else Answer.NO,
        Answer.YES if metadata & Metadata.VLAN_TAG else Answer.NO,
    )


def read_interface(name: str) -> Interface:
    """The interface as it is now. Raises PortError where there is none."""
    try:
        ifindex, flags, found = netlink.link(name)
    except netlink.Refused as error:
        raise PortError(name, f"no such interface ({error.strerror})") from error
    kind = netlink.attributes(found.get(18, b"")).get(1, b"")  # IFLA_LINKINFO, IFLA_INFO_KIND
    xdp = netlink.attributes(found.get(43, b""))  # IFLA_XDP
    native, several_buffers, vlan_metadata = _answers(ifindex)
    return Interface(
        name=found[3].rstrip(b"\0").decode(),
        ifindex=ifindex,
        up=bool(flags & 1),
        mac=int.from_bytes(found.get(1, b"")[:6], "big"),
        mtu=struct.unpack("=I", found[4])[0],
        kind=kind.rstrip(b"\0").decode(),
        driver=ethtool.driver(name),
        queues=ethtool.receive_queues(name),
        native=native,
        several_buffers=several_buffers,
        vlan_metadata=vlan_metadata,
        strips_tags=ethtool.strips_tags(name),
        merges_packets=ethtool.merges_packets(name),
        xdp_mode=XdpMode(int.from_bytes(xdp.get(2, b""), "little")),
        xdp_program=int.from_bytes(xdp.get(4, b""), "little"),
    )


def no_native_xdp(interface: Interface) -> str:
    """Why the driver can't run a program now; empty if it can, or this kernel doesn't say."""
    if interface.native is not Answer.NO:
        return ""
    if interface.kind == "veth":
        return (
            f"no native XDP: veth receives on {interface.queues} queue(s) and its peer sends on more; "
            f"`ethtool -L {interface.name} rx N` raises it"
        )
    return f"no native XDP in its driver ({interface.driver or interface.kind or 'it has none'})"


def tags_unseen(interface: Interface) -> str:
    """Why VLAN tags would be overlooked; empty if they would not."""
    if interface.kind == "veth" and interface.vlan_metadata is not Answer.YES:
        return "this kernel can't tell which packets carry a VLAN tag (veth before Linux 6.8)"
    return ""
