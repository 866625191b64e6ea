"""Captures: pcap (libpcap's savefile) and pcapng (draft-ietf-opsawg-pcapng), read and written a packet at a time.

Only Ethernet. A file that lies about itself is refused with the packet's number and the octet where it does.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Self

from bise.errors import BiseError
from bise.offline import pcapng
from bise.offline.pcapng import (
    BYTE_ORDER,
    ENHANCED,
    ETHERNET,
    FLAGS,
    INTERFACE,
    NAME,
    OUTBOUND,
    RESOLUTION,
    SECTION,
    SIMPLE,
)

_SECOND_NS = 1_000_000_000
_MICROSECONDS, _NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
_DIRECTION = 3  # the part of a packet's flags that says it
_MOST = 16 << 20  # octets of a block; nobody captures larger packets
_SNAPPED = 0x40000


class CaptureError(BiseError):
    """The file is no capture that can be replayed."""

    exit_status = 2


@dataclass(frozen=True)
class Captured:
    """A packet of a capture: the octets at hand, how many there were (`total`), when, and where by name if the file
    says so. `outbound`: the file says that it was sent there, not received."""

    octets: bytes
    total: int
    time_ns: int = 0
    interface: str = ""
    outbound: bool = False


@dataclass
class _Interface:
    name: str = ""
    unit: int = 1_000_000  # ticks a second


@dataclass
class _File:
    """Where a reader is, for what it has to complain of."""

    path: Path
    stream: BinaryIO
    order: str = "<"
    at: int = 0
    number: int = 0
    interfaces: list[_Interface] = field(default_factory=list)

    def take(self, octets: int, what: str) -> bytes:
        if octets > _MOST:
            raise self.wrong(f"{what} claims {octets} octets")
        found = self.stream.read(octets)
        if len(found) < octets:
            raise self.wrong(f"{what} needs {octets} octets, and the file ends after {len(found)}")
        self.at += octets
        return found

    def unpack(self, form: str, octets: bytes) -> tuple[int, ...]:
        return struct.unpack_from(self.order + form, octets)

    def wrong(self, why: str) -> CaptureError:
        return CaptureError(f"{self.path}: after packet {self.number}, at octet {self.at}: {why}")


def read(path: Path) -> Iterator[Captured]:
    """The packets of a capture. Raises CaptureError where the file can't be read, at once or on the way."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CaptureError(f"can't read {path}: {error.strerror}") from None
    return _packets(_File(path, stream))


def _packets(file: _File) -> Iterator[Captured]:
    with file.stream:
        magic = file.stream.read(4)
        if magic == SECTION.to_bytes(4, "little"):
            file.stream.seek(0)
            yield from _blocks(file)
            return
        for order in "<>":
            for unit in (_MICROSECONDS, _NANOSECONDS):
                if magic == struct.pack(order + "I", unit):
                    file.order, file.at = order, 4
                    yield from _records(file, 1000 if unit == _MICROSECONDS else 1)
                    return
        raise CaptureError(f"{file.path} is neither pcap nor pcapng")


def _records(file: _File, scale: int) -> Iterator[Captured]:
    """What follows the magic number of a pcap file."""
    *_, link = file.unpack("HHiIII", file.take(20, "the file's header"))
    _check_link(file, link & 0xFFFF)
    while head := file.stream.read(16):
        if len(head) < 16:
            raise file.wrong(f"a packet's header needs 16 octets, and the file ends after {len(head)}")
        file.at += 16
        seconds, fraction, length, total = file.unpack("IIII", head)
        octets = file.take(length, "a packet")
        file.number += 1
        yield Captured(octets, max(total, length), seconds * _SECOND_NS + fraction * scale)


def _check_link(file: _File, link: int) -> None:
    if link != ETHERNET:
        raise file.wrong(f"link type {link}, and only Ethernet (1) can be replayed")


def _blocks(file: _File) -> Iterator[Captured]:
    while head := file.stream.read(8):
        if len(head) < 8:
            raise file.wrong(f"a block's header needs 8 octets, and the file ends after {len(head)}")
        if head[:4] == SECTION.to_bytes(4, "little"):
            order = file.stream.read(4)
            file.stream.seek(-len(order), 1)
            file.order = ">" if order == BYTE_ORDER.to_bytes(4, "big") else "<"
            file.interfaces.clear()
        kind, length = file.unpack("II", head)
        if length < 12 or length % 4:
            raise file.wrong(f"a block claims {length} octets")
        file.at += 8
        body = file.take(length - 8, "a block")[:-4]
        yield from _block(file, kind, body)


def _block(file: _File, kind: int, body: bytes) -> Iterator[Captured]:
    try:
        if kind == INTERFACE:
            _check_link(file, file.unpack("H", body)[0])
            file.interfaces.append(_interface(file, body[8:]))
        elif kind == ENHANCED:
            number, high, low, length, total = file.unpack("IIIII", body)
            one = _captured(file, number, body[20:], length, total, high << 32 | low)
            options = dict(_options(file, body[20 + (length + 3 & ~3) :]))
            flags = int.from_bytes(options.get(FLAGS, b"")[:4], "little" if file.order == "<" else "big")
            yield replace(one, outbound=flags & _DIRECTION == OUTBOUND)
        elif kind == SIMPLE:
            (total,) = file.unpack("I", body)
            yield _captured(file, 0, body[4:], min(total, len(body) - 4), total, 0)
    except struct.error:
        raise file.wrong(f"a block of kind {kind} has {len(body)} octets, too few") from None


def _captured(file: _File, number: int, octets: bytes, length: int, total: int, ticks: int) -> Captured:
    if number >= len(file.interfaces):
        raise file.wrong(f"a packet of interface {number}, and there are {len(file.interfaces)}")
    if length > len(octets):
        raise file.wrong(f"a packet claims {length} octets, and its block has {len(octets)}")
    file.number += 1
    interface = file.interfaces[number]
    return Captured(octets[:length], max(total, length), ticks * _SECOND_NS // interface.unit, interface.name)


def _interface(file: _File, options: bytes) -> _Interface:
    found = _Interface()
    for code, value in _options(file, options):
        if code == NAME:
            found.name = value.rstrip(b"\0").decode(errors="replace")
        elif code == RESOLUTION and value:
            found.unit = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
    return found


def _options(file: _File, octets: bytes) -> Iterator[tuple[int, bytes]]:
    while len(octets) >= 4:
        code, length = file.unpack("HH", octets)
        yield code, octets[4 : 4 + length]
        octets = octets[4 + (length + 3 & ~3) :]


class Writer:
    """Writes a capture: pcapng where the file's name ends so, with the names of interfaces; else pcap, in ns."""

    def __init__(self, path: Path) -> None:
        """Raises CaptureError."""
        try:
            self._stream = path.open("wb")
        except OSError as error:
            raise CaptureError(f"can't write {path}: {error.strerror}") from None
        self._blocks = pcapng.Writer(self._stream, "bise") if path.suffix == ".pcapng" else None
        if self._blocks is None:
            self._stream.write(struct.pack("<IHHiIII", _NANOSECONDS, 2, 4, 0, 0, _SNAPPED, ETHERNET))

    def write(self, one: Captured) -> None:
        """Appends a packet."""
        if self._blocks is not None:
            direction = pcapng.OUTBOUND if one.outbound else pcapng.UNKNOWN
            self._blocks.packet(one.interface, one.time_ns, one.octets, one.total, direction)
            return
        seconds, fraction = divmod(one.time_ns, _SECOND_NS)
        head = struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, len(one.octets), one.total)
        self._stream.write(head + one.octets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._stream.close()
