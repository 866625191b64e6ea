"""The header of the Transmission Control Protocol (RFC 9293 3.1)."""

from enum import IntEnum, IntFlag

from bise.hot import Header, be16, be32, hot, u8


class Flag(IntFlag):
    """The control bits, as in `TCP.flags`."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20
    ECE = 0x40
    CWR = 0x80


class Fault(IntEnum):
    """Why a TCP header can't be trusted."""

    NONE = 0
    SHORT = 1
    DATA_OFFSET = 2


class TCP(Header):
    """Trusted once `fault` returns NONE: the header and its options lie within the payload of its packet.

    A router checks neither this nor the checksum; whoever reads beyond the ports does."""

    source_port = be16()
    destination_port = be16()
    sequence = be32()
    acknowledgement = be32()
    data_offset = u8()  # in its upper four bits, in units of 4 octets
    flags = u8()
    window = be16()
    checksum = be16()
    urgent = be16()

    def __str__(self) -> str:
        flags = " ".join(flag.name or "" for flag in Flag if self.flags & flag) or "no flags"
        return f"tcp {self.source_port} > {self.destination_port} {flags} sequence {self.sequence}"


SIZE = TCP.size


@hot
def fault(packet, offset, octets):
    """What Linux's tcp_v4_rcv finds wrong with a payload of `octets` octets at `offset`, save its checksum."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    header = header_octets(TCP(packet, offset))
    if header < SIZE or header > octets or header > packet.length - offset:
        return Fault.DATA_OFFSET
    return Fault.NONE


@hot
def header_octets(tcp):
    """The header's length with its options."""
    return (tcp.data_offset >> 4) * 4
