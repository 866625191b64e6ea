"""The end of the way out: the Ethernet header towards the next hop."""

from enum import IntEnum

from bise.engine.node import TRANSMIT, Part, node
from bise.features.nexthop.state import WINDOW_BITS, Hop, State
from bise.hot import Header, le32, le64


class _Macs(Header):
    """Both MACs of an Ethernet header as two words."""

    start = le64()
    end = le32()


class Output(IntEnum):
    TRANSMIT = 0


@node(Output, State)
def output(packet, state, now):
    """Address the packet to its next hop (RFC 894), and note that the neighbour is in use."""
    hop, macs = Hop(packet.hop), _Macs(packet, 0)
    macs.start = hop.macs
    macs.end = hop.macs_end
    window = now >> WINDOW_BITS
    if hop.used != window:
        hop.used = window
    packet.egress = hop.egress
    return Output.TRANSMIT


PART = Part({output: {Output.TRANSMIT: TRANSMIT}})
