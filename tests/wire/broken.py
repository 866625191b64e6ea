"""Packets made by chance, most of them broken: cut short, with lengths that lie, with octets changed.

Each function takes a `random.Random`, so that Hypothesis can shrink what it chose and a seed repeats it elsewhere.
"""

import socket
from random import Random

from tests.wire.naive import ones_sum

PROTOCOLS = (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP, 58, 132, 4, 41, 47)
EXTENSIONS = (0, 0, 43, 43, 60, 60, 51, 51, 44)


def octets(chance: Random, count: int) -> bytes:
    """Any octets; often all the same, for the edges of sums."""
    if chance.random() < 0.2:
        return bytes([chance.choice((0x00, 0xFF, 0x80))]) * count
    return bytes(chance.randrange(256) for _ in range(count))


def spoiled(chance: Random, packet: bytes) -> bytes:
    """Most of the time something is wrong with what comes out."""
    kind = chance.randrange(8)
    if kind <= 1:
        return packet[: chance.randrange(len(packet) + 1)]
    if kind <= 3 and packet:
        at = chance.randrange(len(packet))
        return packet[:at] + bytes([packet[at] ^ 1 << chance.randrange(8)]) + packet[at + 1 :]
    if kind == 4:
        return packet + octets(chance, chance.randrange(1, 9))
    if kind == 5:
        at = chance.randrange(min(len(packet) + 1, 64))
        return packet[:at] + octets(chance, 2) + packet[at + 2 :]
    return packet


def transport(chance: Random, protocol: int) -> bytes:
    """A payload of that protocol, its checksum anything."""
    content = octets(chance, chance.choice((0, 0, 1, 2, 7, 8, 9, chance.randrange(80))))
    ports = octets(chance, 4)
    if protocol == socket.IPPROTO_UDP:
        length = 8 + len(content) if chance.random() < 0.8 else chance.randrange(65536)
        return ports + length.to_bytes(2, "big") + octets(chance, 2) + content
    if protocol == socket.IPPROTO_TCP:
        words = chance.choice((5, 5, 5, 6, 15, chance.randrange(16)))
        return ports + octets(chance, 8) + bytes([words << 4]) + octets(chance, 7) + content
    return octets(chance, 8) + content


def ipv4(chance: Random, payload: bytes, protocol: int) -> bytes:
    """A header that is right, save for what is drawn to be wrong before its checksum is made."""
    options = octets(chance, 4 * chance.choice((0, 0, 0, 1, 2, 10)))
    header = bytearray(20) + options
    header[0] = 0x40 | len(header) // 4 if chance.random() < 0.9 else chance.randrange(256)
    header[1] = chance.randrange(256)
    total = len(header) + len(payload) + (0 if chance.random() < 0.8 else chance.randrange(-70, 70))
    header[2:4] = (max(total, 0) & 0xFFFF).to_bytes(2, "big")
    header[4:6] = octets(chance, 2)
    header[6:8] = chance.choice((b"\0\0", b"\0\0", b"\x40\0", b"\x20\0", b"\0\1", octets(chance, 2)))
    header[8], header[9] = chance.randrange(256), protocol
    header[12:20] = octets(chance, 8)
    if chance.random() < 0.9:
        header[10:12] = (~ones_sum(bytes(header)) & 0xFFFF).to_bytes(2, "big")
    return bytes(header) + payload


def ipv6(chance: Random, payload: bytes, protocol: int) -> bytes:
    """A header with extension headers in front of the payload."""
    for _ in range(chance.choice((0, 0, 0, 1, 2, 3, 7, 8, 9, 10))):
        kind = chance.choice(EXTENSIONS)
        units = chance.choice((0, 0, 1, 2)) if chance.random() < 0.95 else 255
        length = 8 if kind == 44 else (units + 2) * 4 if kind == 51 else (units + 1) * 8
        payload = bytes([protocol, units]) + octets(chance, length - 2) + payload
        protocol = kind
    length = len(payload) if chance.random() < 0.8 else chance.choice((0, chance.randrange(65536)))
    source, destination = _address(chance), _address(chance)
    version = 0x60 if chance.random() < 0.95 else chance.randrange(256)
    header = bytes([version]) + octets(chance, 3) + (length & 0xFFFF).to_bytes(2, "big")
    return header + bytes([protocol, chance.randrange(256)]) + source + destination + payload


def _address(chance: Random) -> bytes:
    if chance.random() < 0.8:
        return b"\x20" + octets(chance, 15)
    kinds = (bytes(16), bytes(15) + b"\1", bytes([0xFF, chance.randrange(256)]) + bytes(14), octets(chance, 16))
    return chance.choice(kinds)


def offloaded(chance: Random, protocol: int, depth: int = 0) -> bytes:
    """A payload as from a sender that leaves checksums out, often a tunnel's."""
    if protocol in (4, 41, 47, socket.IPPROTO_UDP) and depth < 2 and chance.random() < 0.7:
        inside = chance.choice((socket.IPPROTO_TCP, socket.IPPROTO_UDP, 132))
        version = {4: 4, 41: 6}.get(protocol, chance.choice((4, 6)))
        content = offloaded(chance, inside, depth + 1)
        content = (ipv4 if version == 4 else ipv6)(chance, content, inside)
        return _encapsulated(chance, protocol, left_partial(chance, content, version), version)
    if protocol == 132:
        return octets(chance, 8) + chance.choice((bytes(4), octets(chance, 4))) + octets(chance, chance.randrange(30))
    return transport(chance, protocol)


def _encapsulated(chance: Random, protocol: int, content: bytes, version: int) -> bytes:
    kind = b"\x08\0" if version == 4 else b"\x86\xdd"
    if protocol in (4, 41):
        return content
    if protocol == 47:
        flags = chance.choice((0, 0x80, 0x20, 0x10, 0xB0, chance.randrange(256)))
        return bytes([flags, 0]) + kind + octets(chance, 4 * (flags & 0xB0).bit_count()) + content
    tag = chance.choice((b"", b"", b"\x81\0\0\5"))
    if chance.random() < 0.6:
        port, header = chance.choice((4789, 8472)), bytes([chance.choice((8, 8, 8, 0))]) + octets(chance, 7)
        content = octets(chance, 12) + tag + kind + content
    else:
        words = chance.choice((0, 0, 1, 3, 63, 64))
        port, header = 6081, bytes([words, 0]) + kind + octets(chance, 4) + octets(chance, 4 * (words & 63))
    length = 8 + len(header) + len(content)
    checksum = chance.choice((b"\0\0", octets(chance, 2)))
    return (
        octets(chance, 2) + port.to_bytes(2, "big") + (length & 0xFFFF).to_bytes(2, "big") + checksum + header + content
    )


def left_partial(chance: Random, packet: bytes, version: int) -> bytes:
    """Often puts the pseudo header's sum where the checksum of a TCP or UDP payload belongs."""
    start = (packet[0] & 15) * 4 if version == 4 else 40
    protocol = packet[9] if version == 4 else packet[6]
    place = start + {6: 16, 17: 6}.get(protocol, 1 << 20)
    if chance.random() < 0.3 or len(packet) < place + 2:
        return packet
    addresses = packet[12:20] if version == 4 else packet[8:40]
    summed = ones_sum(addresses + bytes([0, protocol]) + (len(packet) - start).to_bytes(2, "big"))
    return packet[:place] + summed.to_bytes(2, "big") + packet[place + 2 :]


def packet(chance: Random) -> tuple[int, bytes]:
    """An IP version and a packet that is said to be of it, more often broken than not."""
    version = chance.choice((4, 6))
    protocol = chance.choice(PROTOCOLS)
    sound = (ipv4 if version == 4 else ipv6)(chance, offloaded(chance, protocol), protocol)
    return version, spoiled(chance, left_partial(chance, sound, version))
