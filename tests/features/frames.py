"""Ethernet frames made by chance for the world made by hand, most of them broken somewhere."""

from ipaddress import ip_address
from random import Random

from tests.engine.rig import Frame
from tests.features import world
from tests.features.nexthop import traffic
from tests.wire import broken
from tests.wire.naive import ones_sum

_BUSY = tuple(port for port in world.PORTS for _ in range(1 if port.gate else 4))
_NEXT_TO = (0x0800, 0x86DD)
_KINDS = (0x0806, 0x8100, 0x88A8, 0x0000, 0xFFFF)
_ODD = {
    4: ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "239.1.1.1", "240.0.0.1", "255.255.255.255", "10.0.0.1"),
    6: ("::", "::1", "::ffff:1.2.3.4", "fe80::1", "fec0::1", "ff01::1", "ff02::1", "ff0e::1", "2001:db8:1::1"),
}
# Groups ask the most of a packet.
_ROUTED = {
    version: [net for net, words in world.PREFIXES if net.version == version for _ in range(6 if " x " in words else 1)]
    for version in (4, 6)
}
_KNOWN = [ip_address(text) for text, *_ in world.NEIGHBOURS]
_NEIGHBOURS = {version: [one.packed for one in _KNOWN if one.version == version] for version in (4, 6)}


def _address(chance: Random, version: int) -> bytes:
    """Mostly one that some route leads to."""
    draw = chance.random()
    if draw < 0.75:
        net = chance.choice(_ROUTED[version])
        return (int(net.network_address) | chance.getrandbits(net.max_prefixlen - net.prefixlen or 1)).to_bytes(
            net.max_prefixlen // 8, "big"
        )
    if draw < 0.9:
        return chance.choice(_NEIGHBOURS[version])
    if draw < 0.95:
        return ip_address(chance.choice(_ODD[version])).packed
    return chance.randbytes(4 if version == 4 else 16)


def _aimed(chance: Random, packet: bytes, version: int) -> bytes:
    """With addresses of the world's, and mostly with a checksum that is right."""
    source = chance.choice(_NEIGHBOURS[version]) if chance.random() < 0.5 else _address(chance, version)
    both = source + _address(chance, version)
    if version == 6:
        return packet[:8] + both + packet[40:]
    header = packet[:12] + both + packet[20 : max(20, 4 * (packet[0] & 15))]
    if chance.random() < 0.95:
        header = header[:10] + bytes(2) + header[12:]
        header = header[:10] + (~ones_sum(header) & 0xFFFF).to_bytes(2, "big") + header[12:]
    return header + packet[len(header) :]


def _packet(chance: Random, version: int) -> bytes:
    """Half of them sound but for their age, half as odd as their headers let them be."""
    if chance.random() < 0.5:
        packet = bytearray(traffic.packet(chance, version))
        packet[8 if version == 4 else 7] = chance.choice((0, 1, 2, 64, 255))
        return bytes(packet)
    protocol = chance.choice(broken.PROTOCOLS)
    return (broken.ipv4 if version == 4 else broken.ipv6)(chance, broken.offloaded(chance, protocol), protocol)


def frame(chance: Random, port: world.Port) -> Frame:
    """For a port: an IP packet, spoiled, behind an Ethernet header that is mostly right."""
    version = chance.choice((4, 6))
    packet = broken.left_partial(chance, _aimed(chance, _packet(chance, version), version), version)
    if chance.random() < 0.03:
        packet += chance.randbytes(chance.choice((80, 700, 1400)))
    if chance.random() < 0.7:
        packet = broken.spoiled(chance, packet)
    kind = 0x0800 if version == 4 else 0x86DD
    if chance.random() < 0.02:
        kind = chance.choice(_KINDS + _NEXT_TO)
    target = port.mac.to_bytes(6, "big")
    if chance.random() < 0.02:
        target = chance.choice((b"\xff" * 6, b"\x33\x33" + chance.randbytes(4), chance.randbytes(6)))
    octets = target + chance.randbytes(6) + kind.to_bytes(2, "big") + packet[:1900]
    if chance.random() < 0.01:
        octets = octets[: chance.randrange(15)]
    low = chance.random() < 0.25
    if chance.random() < 0.9:
        return Frame(octets, 0, low)
    # Where its second segment begins: anywhere, or near the end of a header.
    anywhere, near = chance.randrange(len(octets) + 1), chance.choice((34, 54)) + chance.randrange(60)
    cut = chance.choice((anywhere, min(len(octets), near)))
    return Frame(octets[:cut], len(octets) - cut + chance.choice((0, 0, 40, 9000)), low)


def bursts(seed: int, packets: int) -> list[tuple[int, list[Frame]]]:
    """Bursts for ports, of that many packets together: single packets, and up to as many as a worker takes."""
    found, made, number = [], 0, 0
    while made < packets:
        chance = Random(f"{seed} {number}")
        port, number = chance.choice(_BUSY), number + 1
        size = min(chance.choice((1, 1, 1, 2, 5, 32)), packets - made)
        found.append((port.number, [frame(chance, port) for _ in range(size)]))
        made += size
    return found
