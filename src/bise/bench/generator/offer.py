"""What is offered: UDP packets to some destinations, in some flows, at a rate."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

PORT = 9  # "discard"; the sink knows our packets by it
_UDP = 17
_HOPS = 64


@dataclass(frozen=True)
class Offer:
    """`size` in octets without the frame check sequence, so 60 is Ethernet's smallest frame; rate 0: all it can.

    `stamped`: IPv4 packets tell when they were made, and hardly wait for others behind them.
    """

    source: str
    destinations: Sequence[str]
    packets_per_second: float = 0.0
    flows: int = 256
    size: int = 60
    stamped: bool = False

    @property
    def is_ipv6(self) -> bool:
        return ip_address(self.source).version == 6

    @property
    def gap_ps(self) -> int:
        """Between two packets, in picoseconds."""
        return int(1e12 / self.packets_per_second) if self.packets_per_second else 0

    def addresses(self) -> list[bytes]:
        """The destinations, each in sixteen octets."""
        return [ip_address(destination).packed.ljust(16, b"\0") for destination in self.destinations]

    def headers(self, source_mac: str, destination_mac: str) -> tuple[bytes, int]:
        """The headers with no destination yet, and the sum of what the checksum covers of them."""
        ethernet = _mac(destination_mac) + _mac(source_mac) + (b"\x86\xdd" if self.is_ipv6 else b"\x08\x00")
        length = self.size - len(ethernet)
        source = ip_address(self.source)
        if isinstance(source, IPv6Address):
            return _ipv6(ethernet, source, length - 40)
        return _ipv4(ethernet, source, length)

    def packets(self, source_mac: str, destination_mac: str) -> list[bytes]:
        """The IPv4 packets that are offered, whole, one for each destination."""
        headers, total = self.headers(source_mac, destination_mac)
        return [_addressed(headers, total, address[:4], self.size) for address in self.addresses()]


def _addressed(headers: bytes, total: int, address: bytes, size: int) -> bytes:
    checksum = struct.pack("=H", ~_folded(total + _native_sum(address)) & 0xFFFF)
    return (headers[:24] + checksum + headers[26:30] + address + headers[34:]).ljust(size, b"\0")


def _folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _ipv4(ethernet: bytes, source: IPv4Address, length: int) -> tuple[bytes, int]:
    ip = struct.pack("!BBHHHBBH4s4x", 0x45, 0, length, 0, 0x4000, _HOPS, _UDP, 0, source.packed)
    udp = struct.pack("!HHHH", 0, PORT, length - 20, 0)
    return ethernet + ip + udp, _native_sum(ip)


def _ipv6(ethernet: bytes, source: IPv6Address, length: int) -> tuple[bytes, int]:
    ip = struct.pack("!IHBB16s16x", 6 << 28, length, _UDP, _HOPS, source.packed)
    udp = struct.pack("!HHHH", 0, PORT, length, 0)
    pseudo = source.packed + struct.pack("!II", length, _UDP)
    return ethernet + ip + udp, _native_sum(pseudo + udp)


def _native_sum(octets: bytes) -> int:
    """Of 16-bit words in this machine's order: a one's complement sum doesn't mind, and the program reads them so."""
    return sum(struct.unpack(f"={len(octets) // 2}H", octets))


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
