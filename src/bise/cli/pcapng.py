"""Capture files (pcapng, draft-ietf-opsawg-pcapng): packets of named interfaces, with a comment and a direction."""

import struct
from typing import BinaryIO

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_MAGIC = 0x1A2B3C4D
_ETHERNET = 1  # LINKTYPE_ETHERNET
_END, _COMMENT = 0, 1
_NAME, _RESOLUTION = 2, 9  # of an interface
_FLAGS = 2  # of a packet
_NANOSECONDS = 9  # 10^-9
INBOUND, OUTBOUND = 1, 2


class Writer:
    """Writes to a file opened for octets; every packet is complete there once `packet` has returned and `flush` ran."""

    def __init__(self, file: BinaryIO, program: str) -> None:
        self._file = file
        self._interfaces: dict[str, int] = {}
        head = struct.pack("<IHHq", _MAGIC, 1, 0, -1) + _option(4, program.encode()) + _option(_END, b"")
        self._block(_SECTION, head)

    def packet(self, interface: str, when_ns: int, octets: bytes, total: int, direction: int, comment: str) -> None:
        """One that `interface` received or sent; `total`: how many octets it had in all."""
        number = self._interface(interface)
        head = struct.pack("<IIIII", number, when_ns >> 32, when_ns & 0xFFFFFFFF, len(octets), max(total, len(octets)))
        options = _option(_COMMENT, comment.encode()) + _option(_FLAGS, struct.pack("<I", direction))
        self._block(_PACKET, head + _padded(octets) + options + _option(_END, b""))

    def flush(self) -> None:
        """Whoever reads the file sees everything so far."""
        self._file.flush()

    def _interface(self, name: str) -> int:
        if name not in self._interfaces:
            self._interfaces[name] = len(self._interfaces)
            options = _option(_NAME, name.encode()) + _option(_RESOLUTION, bytes([_NANOSECONDS]))
            self._block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, 0) + options + _option(_END, b""))
        return self._interfaces[name]

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        self._file.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
