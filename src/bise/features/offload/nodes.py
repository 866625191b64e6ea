"""A veth or virtio peer that leaves checksums to "hardware" hands over packets that no wire may see: complete them.

The nodes stand in front of IPv4 and IPv6, only where some port needs them.
"""

from enum import IntEnum

from bise.engine.node import Drop, Insert, Part, node
from bise.features.offload.state import State
from bise.hot import load8
from bise.wire import ipv4, ipv6, offload
from bise.wire.offload import Completion


class Complete(IntEnum):
    ON = 0
    SPLIT = 1


@node(Complete, State)
def complete_ipv4(packet, state, now):
    """Sum up what is missing behind an IPv4 header, if the port's peer may have left it out."""
    if load8(state.ports + packet.port) == 0 or ipv4.fault(packet, packet.l3) != ipv4.Fault.NONE:
        return Complete.ON
    if offload.complete_ipv4(packet, packet.l3) == Completion.SPLIT:
        return Complete.SPLIT
    return Complete.ON


@node(Complete, State)
def complete_ipv6(packet, state, now):
    """Sum up what is missing behind an IPv6 header, if the port's peer may have left it out."""
    if load8(state.ports + packet.port) == 0 or ipv6.fault(packet, packet.l3) != ipv6.Fault.NONE:
        return Complete.ON
    if offload.complete_ipv6(packet, packet.l3) == Completion.SPLIT:
        return Complete.SPLIT
    return Complete.ON


_SPLIT = Drop("offload.split", "a checksum is missing and the packet is not in one piece")
PART = Part(
    {complete_ipv4: {Complete.SPLIT: _SPLIT}, complete_ipv6: {Complete.SPLIT: _SPLIT}},
    (
        Insert(complete_ipv4, "ethernet.input", "IPV4", Complete.ON),
        Insert(complete_ipv6, "ethernet.input", "IPV6", Complete.ON),
    ),
)
