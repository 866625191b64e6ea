"""The common header of SCTP (RFC 9260 3.1) and its CRC32c (RFC 9260 appendix A)."""

from enum import IntEnum

from bise.hot import Header, be16, be32, hot, le32, u8

# The CRC of each half octet: reflected polynomial 0x1EDC6F41.
_HALF_OCTETS = (
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
)  # fmt: skip


class Fault(IntEnum):
    """Why an SCTP header can't be trusted."""

    NONE = 0
    SHORT = 1


class SCTP(Header):
    """Trusted once `fault` returns NONE: the common header lies within the payload of its packet."""

    source_port = be16()
    destination_port = be16()
    verification_tag = be32()
    checksum = le32()  # the one field of the Internet that travels with its least significant octet first

    def __str__(self) -> str:
        return f"sctp {self.source_port} > {self.destination_port} tag {self.verification_tag:#010x}"


class _Octet(Header):
    value = u8()


SIZE = SCTP.size


@hot
def fault(packet, offset, octets):
    """Whether a payload of `octets` octets at `offset` holds the common header; the checksum is not looked at."""
    if octets < SIZE or packet.length - offset < SIZE:
        return Fault.SHORT
    return Fault.NONE


@hot
def crc32c(packet, offset, octets):
    """The CRC of `octets` octets at `offset` as the checksum field reads it; -1 if they are not all in one piece."""
    if octets < 0 or offset < 0 or octets > packet.length - offset:
        return -1
    crc = 0xFFFF_FFFF
    for at in range(offset, offset + octets):
        crc ^= _Octet(packet, at).value
        crc = _HALF_OCTETS[crc & 15] ^ crc >> 4
        crc = _HALF_OCTETS[crc & 15] ^ crc >> 4
    return crc ^ 0xFFFF_FFFF
