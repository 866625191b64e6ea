"""What stands in the way of a port, found by looking alone: for `bise check`. Starting may say more."""

import mmap

from bise.ports.steering import ethtool
from bise.ports.steering.interface import Answer, Interface, read_interface
from bise.ports.steering.occupant import Occupant, read_occupant

_ONE_BUFFER = mmap.PAGESIZE - 256 - 320 - 14  # octets of a page less headroom, the kernel's own record, Ethernet


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


def obstacles(name: str) -> list[str]:
    """Why this interface would be refused as a port; nothing is touched. Raises PortError if there is none."""
    interface = read_interface(name)
    found = [no_native_xdp(interface), tags_unseen(interface), _occupied(interface, read_occupant(interface))]
    if ethtool.merges_packets(name):
        found.append(f"its hardware merges packets (LRO); `ethtool -K {name} lro off` ends that")
    if interface.several_buffers is Answer.NO and interface.mtu > _ONE_BUFFER:
        found.append(f"its driver takes no program at an MTU of {interface.mtu}")
    return [reason for reason in found if reason]


def _occupied(interface: Interface, occupant: Occupant | None) -> str:
    if occupant is None or (occupant.is_ours and not occupant.process):
        return ""
    if occupant.is_ours:
        return f"Bise already runs on it (process {occupant.process})"
    return f"{occupant} is attached; `ip link set dev {interface.name} xdp off` would remove it"
