"""Headers of a packet: what the code says of them is what the twins say, and no reader goes beyond the octets."""

from bise.hot import add64, entry, shift_left64
from bise.wire import tunnel
from bise.wire.layers import changes, layers
from tests.wire import agree, naive
from tests.wire.naive import ones_sum
from tests.wire.packet import Bench, Notes

_FURTHER = (0, 0, 1, 9000)
_IPV6, _SUMMED = 1, 8
_BENCH = Bench()


@entry(4)
def inside(packet, protocol, at, octets):
    """The EtherType in the upper half, the offset in the lower."""
    kind, found = tunnel.inner(Notes(packet), protocol, at, octets)
    return add64(shift_left64(kind, 32), found)


def examine(octets: bytes) -> None:
    """The first octet says the version, how much of the packet lies elsewhere, and whether its checksum is made right.
    Raises AssertionError, or what a reader raises."""
    if len(octets) < 2:
        return
    version, further = 6 if octets[0] & _IPV6 else 4, _FURTHER[octets[0] >> 1 & 3]
    packet = octets[1:2001]
    if version == 4 and octets[0] & _SUMMED:
        packet = summed(packet)
    found = [_plain(one) for one in agree.answers(_BENCH, version, packet, further)]
    expected = [_plain(one) for one in agree.naive_answers(version, packet, further)]
    assert found == expected, f"found {found}, expected {expected}"
    if found[0] == 0:
        _look_inside(version, packet, further)
    _print(version, packet, found)


def _plain(part: object) -> object:
    return part if isinstance(part, bytes) else int(part)  # type: ignore[call-overload]


def summed(packet: bytes) -> bytes:
    """With the header checksum of IPv4 made right, where there is room for it."""
    header = packet[: max(20, 4 * (packet[0] & 15))]
    if len(header) < 20:
        return packet
    clear = header[:10] + bytes(2) + header[12:]
    return packet[:10] + (~ones_sum(clear) & 0xFFFF).to_bytes(2, "big") + packet[12:]


def _look_inside(version: int, packet: bytes, further: int) -> None:
    """What a tunnel is said to carry is a sound packet that ends with its payload."""
    address = _BENCH.lay(packet, further)
    where = agree.payload(address, version)
    protocol, at = where >> 32, where & 0xFFFFFFFF
    if at > len(packet):
        return
    kind, start = divmod(inside(address, protocol, at, len(packet) - at), 1 << 32)
    assert kind in (0, 0x0800, 0x86DD) or at <= start <= len(packet), (kind, start)
    if kind in (0x0800, 0x86DD):
        carried = packet[start:]
        fault = (naive.ipv4_fault if kind == 0x0800 else naive.ipv6_fault)(carried, 0)
        assert start >= at, (start, at)
        assert fault == 0, fault


def _print(version: int, packet: bytes, found: list[object]) -> None:
    frame = bytes(12) + (b"\x08\x00" if version == 4 else b"\x86\xdd") + packet
    for layer in layers(frame):
        assert str(layer)
        assert repr(layer.header)
    if isinstance(found[-1], bytes):
        assert all(changes(frame, frame[:14] + found[-1]))
