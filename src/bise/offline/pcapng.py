"""pcapng (draft-ietf-opsawg-pcapng), written: packets of named interfaces, with a comment and a direction."""

import struct
from typing import BinaryIO

SECTION, INTERFACE, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 3, 6
BYTE_ORDER = 0x1A2B3C4D
ETHERNET = 1  # LINKTYPE_ETHERNET
NAME, RESOLUTION = 2, 9  # options of an interface
FLAGS = 2  # of a packet
UNKNOWN, INBOUND, OUTBOUND = 0, 1, 2  # its direction, in the flags
_END, _COMMENT, _PROGRAM = 0, 1, 4
_NANOSECONDS = 9  # 10^-9


class Writer:
    """Writes to a file opened for octets; every packet is complete there once `packet` has returned and `flush` ran."""

    def __init__(self, file: BinaryIO, program: str) -> None:
        self._file = file
        self._interfaces: dict[str, int] = {}
        head = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1) + _option(_PROGRAM, program.encode()) + _option(_END, b"")
        self._block(SECTION, head)

    def packet(
        self, interface: str, when_ns: int, octets: bytes, total: int, direction: int = UNKNOWN, comment: str = ""
    ) -> None:
        """One that `interface` received or sent; `total`: how many octets it had in all."""
        number = self._interface(interface)
        head = struct.pack("<IIIII", number, when_ns >> 32, when_ns & 0xFFFFFFFF, len(octets), max(total, len(octets)))
        options = _option(_COMMENT, comment.encode()) if comment else b""
        options += _option(FLAGS, struct.pack("<I", direction)) + _option(_END, b"")
        self._block(ENHANCED, head + _padded(octets) + options)

    def flush(self) -> None:
        """Whoever reads the file sees everything so far."""
        self._file.flush()

    def _interface(self, name: str) -> int:
        if name not in self._interfaces:
            self._interfaces[name] = len(self._interfaces)
            options = _option(NAME, name.encode()) + _option(RESOLUTION, bytes([_NANOSECONDS]))
            self._block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, 0) + options + _option(_END, b""))
        return self._interfaces[name]

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        self._file.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
