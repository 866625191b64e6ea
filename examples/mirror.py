"""Sends a copy of each TCP packet to or from one port number by the interface `mon` as well, as it came in.

    bise run --port eth0 --port eth1 --port mon --node examples/mirror.py

The monitor sees the packets with the MACs that they came with; what becomes of them here is not changed.
"""

from enum import IntEnum

from bise.node import Header, Insert, Part, copy_to, le16, le64, node
from bise.wire import ipv4, tcp
from bise.wire.ipv4 import FRAGMENT_OFFSET, IPv4, Protocol
from bise.wire.tcp import TCP

MONITOR, SERVICE = "mon", 80


class State(Header):
    """What is remembered; a record for each worker."""

    copies = le64()
    monitor = le16(constant=True)  # number of the monitor's port


def prepare(state, ports):
    """Bise calls this before the node runs, and whenever a port comes or goes: `ports` says each one's number, which is
    NO_PORT for one that is lost."""
    state.monitor = ports[MONITOR]


class Mirror(IntEnum):
    ON = 0


@node(Mirror, State, copies=True)
def mirror(packet, state, now):
    """Copy what matches; let everything through."""
    ip = IPv4(packet, packet.l3)
    start, octets = packet.l3 + ipv4.header_octets(ip), ip.total_length - ipv4.header_octets(ip)
    if ip.protocol != Protocol.TCP or ip.fragment & FRAGMENT_OFFSET != 0:
        return Mirror.ON
    if tcp.fault(packet, start, octets) == tcp.Fault.NONE:
        segment = TCP(packet, start)
        if segment.source_port == SERVICE or segment.destination_port == SERVICE:
            copy_to(packet, state.monitor)
            state.copies += 1
    return Mirror.ON


PART = Part({}, inserts=(Insert(mirror, "ipv4.input", "VALID", Mirror.ON),))
