"""The record in front of every packet: DPDK's rte_mbuf (22.11, 64-bit), then room for notes, then the buffer."""

from bise.hot import Header, hot, le16, le32, le64, store64

NOTES = 64  # octets between the record and the buffer
HEADROOM = 256  # octets of the buffer in front of a packet that was just received
ROOM = 2048  # octets behind the headroom


class Mbuf(Header):
    """One segment of a packet; the packet's octets begin at `buf_addr` + `data_off`. Names are DPDK's."""

    buf_addr = le64()  # of the buffer
    buf_iova = le64()
    data_off = le16()
    refcnt = le16()
    nb_segs = le16()
    port = le16()
    ol_flags = le64()
    packet_type = le32()
    pkt_len = le32()  # octets of all segments
    data_len = le16()  # octets of this segment
    vlan_tci = le16()
    rss_low = le32()
    rss_high = le32()
    vlan_tci_outer = le16()
    buf_len = le16()
    pool = le64()
    next = le64()  # address of the next segment, 0 if it is the last
    tx_offload = le64()
    reserved_1 = le64()
    reserved_2 = le64()
    reserved_3 = le64()
    reserved_4 = le64()
    reserved_5 = le64()
    reserved_6 = le64()


BUFFER = Mbuf.size + NOTES  # offset of the buffer from the record

_REARM = Mbuf.data_off.offset
_LENGTHS = Mbuf.packet_type.offset


@hot
def receive_into(mbuf, data_offset, length, port):
    """Makes an empty packet's record say that one segment of `length` octets was received on `port`, and no more: of
    the other fields there may be anything, but no flag vouches for them."""
    store64(mbuf.address + _REARM, data_offset | 1 << 16 | 1 << 32 | port << 48)  # one reference, one segment
    mbuf.ol_flags = 0
    store64(mbuf.address + _LENGTHS, length << 32)
    mbuf.data_len = length
