"""What the forwarding benches forward: routes, and 64-octet packets to addresses inside of them, as a capture."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bise.bench.prefixes import Prefixes, ipv4, registered

ROUTER_MAC, HOST_MAC = 0x020000000001, 0x020000000002
_MACS = ROUTER_MAC.to_bytes(6, "big") + HOST_MAC.to_bytes(6, "big")
_SOURCE4, _SOURCE6 = 0x0A000102, 0x20010DB800000001 << 64 | 2


@dataclass(frozen=True)
class Job:
    """`routes` prefixes of a family (4 or 6), and packets to `destinations` addresses inside them."""

    family: int
    routes: int
    destinations: int

    @property
    def name(self) -> str:
        return f"IPv{self.family}, {self.routes} routes, {self.destinations} destinations"

    def prefixes(self) -> Prefixes:
        """The same each time."""
        make = ipv4 if self.family == 4 else registered
        return make(self.routes, np.random.default_rng(1))

    def capture(self, prefixes: Prefixes, path: Path) -> None:
        """Writes a pcap file of packets with 60 octets; the check sequence makes them 64."""
        chance = np.random.default_rng(2)
        chosen = chance.integers(0, len(prefixes), self.destinations)
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for number in chosen:
                length = int(prefixes.lengths[number])
                network = int(prefixes.highs[number]) << 64 | int(prefixes.lows[number])
                address = network | int.from_bytes(chance.bytes(16), "big") >> length
                port = int(chance.integers(1024, 65536))
                octets = _packet4(address >> 96, port) if self.family == 4 else _packet6(address, port)
                file.write(struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets)


def _packet4(destination: int, port: int) -> bytes:
    header = struct.pack(">BBHHHBBHII", 0x45, 0, 46, 0, 0x4000, 64, 17, 0, _SOURCE4, destination)
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = header[:10] + struct.pack(">H", checksum) + header[12:]
    return _MACS + b"\x08\x00" + header + struct.pack(">HHHH", port, 53, 26, 0) + bytes(18)


def _packet6(destination: int, port: int) -> bytes:
    header = struct.pack(">IHBB", 6 << 28, 6, 59, 64) + _SOURCE6.to_bytes(16, "big") + destination.to_bytes(16, "big")
    return _MACS + b"\x86\xdd" + header + struct.pack(">HI", port, 0)
