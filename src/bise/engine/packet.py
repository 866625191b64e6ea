"""The notes of a packet: what nodes learn about it on its way, offsets rather than addresses, at most 64 octets.

The record lives on the stack of the burst loop, so that the compiler keeps it in registers.
"""

from bise.hot import Header, expect, hot, le16, le32, le64, load32, load64, store32, store64
from bise.ports.mbuf import Mbuf
from bise.wire.ethernet import SIZE, Ethernet

NO_PORT = 0xFFFF


class Packet(Header):
    """One packet. Octets 0 to `length` lie contiguously at `data`; `total` counts those of all segments."""

    data = le64()  # address of the first octet; written by the engine
    buffer = le64()  # address of the packet's mbuf; written by the engine
    length = le32()  # contiguous octets at `data`; written by the engine
    total = le32()  # octets of the whole packet; written by the engine
    port = le16()  # number of the port that received it; written by the engine
    egress = le16()  # number of the port to send it by; written by whoever leads it to `transmit`
    l3 = le16()  # offset of the network header; written by ethernet
    l4 = le16()  # offset of the transport header, 0 where unknown; written by ipv4 and ipv6
    hop = le64()  # address of the next-hop record; written by ipv4 and ipv6
    question = le64()  # address of the Question that was put for it, or of nobody's; written by the engine
    copy = le16()  # number of the port that gets a copy, NO_PORT: none; written by nodes that copy, and the engine


@hot
def extend(packet, octets):
    """Makes an empty packet one of `octets` octets, whose contents are undefined; True if there is room for them."""
    buffer = Mbuf(packet.buffer)
    if octets > buffer.buf_len - buffer.data_off:
        return False
    buffer.data_len = octets
    buffer.pkt_len = octets
    packet.length = octets
    packet.total = octets
    return True


@hot
def trim(packet, octets):
    """Cuts off what follows the first `octets` octets: a short packet's padding on the link. One segment only."""
    if expect(packet.total - octets, 0) == 0:
        return
    if packet.total > octets and packet.length == packet.total:
        buffer = Mbuf(packet.buffer)
        buffer.data_len = octets
        buffer.pkt_len = octets
        packet.length = octets
        packet.total = octets


@hot
def copy_to(packet, port):
    """Sends a copy of the packet, as it is when the node returns, by this port as well; NO_PORT: by none. The node has
    to be declared with `copies=True`."""
    packet.copy = port


@hot
def strip(packet, octets, ethertype):
    """Takes away so many octets behind the Ethernet header, which then says `ethertype`; False where that is more than
    the packet has. What an offset led to before lies `octets` nearer."""
    if octets < 0 or octets > packet.length - SIZE:
        return False
    start, end = load64(packet.data), load32(packet.data + 8)
    buffer = Mbuf(packet.buffer)
    buffer.data_off += octets
    buffer.data_len -= octets
    buffer.pkt_len -= octets
    packet.data += octets
    packet.length -= octets
    packet.total -= octets
    store64(packet.data, start)
    store32(packet.data + 8, end)
    Ethernet(packet, 0).ethertype = ethertype
    return True
