"""Sound IP packets made by chance, whose ports are rarely where they seem to be, for what has to find a flow's."""

from random import Random

from tests.wire.naive import ones_sum

_ICMP, _ICMPV6 = 1, 58
_TRANSPORTS = (6, 6, 17, 17, 132, 33, 136, 50, 51)  # TCP, UDP, SCTP, DCCP, UDP-Lite, ESP, AH
_OTHERS = (_ICMP, _ICMPV6, _ICMP, _ICMPV6, 4, 41, 47, 47, 59, 89, 112, 115, 137, 255)
_FRAGMENTS = (0, 0, 0, 0, 0x4000, 0x2000, 0x0001, 0x2005, 0x8000)
_EXTENSIONS = (43, 60, 60, 44, 51, 135, 0)


def octets(chance: Random, most: int) -> bytes:
    """Up to `most` octets, often few."""
    return chance.randbytes(chance.choice((0, 3, 4, 7, 8, 12, 20, 40, chance.randrange(most + 1))) % (most + 1))


def address(chance: Random, version: int) -> bytes:
    """Unicast and global; few different ones, so that equal ones meet."""
    few = chance.choice((bytes(1), b"\xff", b"\x7f", b"\x80", chance.randbytes(1)))
    return b"\x0a\x01\x01" + few if version == 4 else b"\x20\x01\x0d\xb8\x01\x01" + few + bytes(8) + few


def packet(
    chance: Random, version: int, source: bytes | None = None, destination: bytes | None = None, depth: int = 0
) -> bytes:
    """A packet from and to those addresses, or any."""
    source = source or address(chance, version)
    destination = destination or address(chance, version)
    protocol = chance.choice(_TRANSPORTS if chance.random() < 0.5 else _OTHERS)
    payload = _payload(chance, protocol, depth)
    return (_ipv4 if version == 4 else _ipv6)(chance, source, destination, protocol, payload)


def header(version: int, source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    """A plain packet."""
    if version == 4:
        head = b"\x45\0" + (20 + len(payload)).to_bytes(2, "big") + bytes(4) + bytes([64, protocol])
        return _sealed(head, source + destination) + payload
    return b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes([protocol, 64]) + source + destination + payload


def _payload(chance: Random, protocol: int, depth: int) -> bytes:
    if depth > 1 or chance.random() < 0.3:
        return octets(chance, 60)
    if protocol in (_ICMP, _ICMPV6):
        kinds = (0, 3, 4, 5, 8, 11, 12, 13) if protocol == _ICMP else (0, 1, 2, 3, 4, 5, 100, 128, 129)
        quoted = packet(chance, 4 if protocol == _ICMP else 6, depth=depth + 1)
        cut = len(quoted) if chance.random() < 0.5 else chance.randrange(len(quoted) + 1)
        return bytes([chance.choice(kinds), 0]) + chance.randbytes(6) + quoted[:cut]
    if protocol in (4, 41):
        return packet(chance, 4 if protocol == 4 else 6, depth=depth + 1)
    if protocol == 47:
        inside = chance.choice((4, 6))
        flags = chance.choice((0, 0, 0x20, 0x80, 0x10, 0xB0, 0x40))
        head = bytes([flags, chance.choice((0, 0, 0, 1, 2))]) + (b"\x08\0" if inside == 4 else b"\x86\xdd")
        return head + chance.randbytes(4 * (flags & 0xB0).bit_count()) + packet(chance, inside, depth=depth + 1)
    return octets(chance, 60) + chance.randbytes(8)


def _ipv4(chance: Random, source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    fragment = chance.choice(_FRAGMENTS).to_bytes(2, "big")
    size = (20 + len(payload)).to_bytes(2, "big")
    head = b"\x45" + chance.randbytes(1) + size + chance.randbytes(2) + fragment + bytes([64, protocol])
    return _sealed(head, source + destination) + payload


def _sealed(head: bytes, addresses: bytes) -> bytes:
    return head + (~ones_sum(head + bytes(2) + addresses) & 0xFFFF).to_bytes(2, "big") + addresses


def _ipv6(chance: Random, source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2, 4))):
        kind, units = chance.choice(_EXTENSIONS), chance.choice((0, 0, 1, 3))
        offset = chance.choice((0, 0, 1, 0x100)).to_bytes(2, "big")
        head = bytes([protocol, 0]) + offset if kind == 44 else bytes([protocol, units]) + b"\1\4"  # PadN
        length = 8 if kind == 44 else 8 * (units + 1)
        # Only what is skipped over may be zeros: a checksum of zeros looks like one left to hardware.
        filling = bytes(length - 4) if kind in (0, 43, 60) else chance.randbytes(length - 4)
        payload = head + filling + payload
        protocol = kind
    if protocol == 0:
        protocol = 60  # hop-by-hop options come first or not at all, and then they are Linux's
    label = chance.choice((bytes(3), b"\x0f\xff\xff", b"\0\0\1", chance.randbytes(3)))
    cut = payload if chance.random() < 0.9 else payload[: chance.randrange(len(payload) + 1)]
    head = b"\x60" + label + len(cut).to_bytes(2, "big") + bytes([protocol, 64])
    return head + source + destination + cut
