"""How Linux chooses one of several next hops, on octets and plain numbers: the slow twin, written from its sources
(net/ipv4/route.c, net/ipv6/route.c, net/core/flow_dissector.c, include/net/flow_dissector.h)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.tables import naive_hashes

_SPI_AT = {51: 4, 6: 0, 17: 0, 33: 0, 50: 0, 132: 0, 136: 0}  # proto_ports_offset


@dataclass
class Keys:
    """struct flow_keys, as far as anything is hashed."""

    source: bytes
    destination: bytes
    protocol: int = 0
    label: bytes = bytes(4)
    ports: bytes = bytes(4)

    def hash(self, seed: int) -> int:
        """flow_hash_from_keys_seed."""
        source, destination = self.source, self.destination
        swapped = destination[::-1] < source[::-1] if len(source) == 4 else destination < source
        if swapped:
            source, destination = destination, source
        near, far = self.ports[:2], self.ports[2:]
        if far[::-1] < near[::-1]:
            near, far = far, near
        front = bytes([0, 0, self.protocol, 0]) + self.label + bytes(16) + bytes(4) + near + far + bytes(4)
        octets = front + source + destination + bytes(4)
        return naive_hashes.siphash(octets, seed << 32 | seed, seed << 32 | seed) % 2**32 or 1


def dissected(octets: bytes) -> tuple[Keys, bool]:
    """skb_flow_dissect_flow_keys of a trusted packet's octets, stopping at a tunnel; and whether it stopped there."""
    if octets[0] >> 4 == 4:
        keys = Keys(octets[12:16], octets[16:20], octets[9])
        fragment = int.from_bytes(octets[6:8], "big") & 0x3FFF
        payload = None if fragment else octets[4 * (octets[0] & 15) :]
    else:
        protocol, payload = _unchained(octets[6], octets[40:])
        label = int.from_bytes(octets[1:4], "big") & 0xFFFFF
        keys = Keys(octets[8:24], octets[24:40], protocol, label.to_bytes(4, "little"))
    if payload is None:
        return keys, False
    at = _SPI_AT.get(keys.protocol, len(payload))
    if len(payload) >= at + 4:
        keys.ports = payload[at : at + 4]
    return keys, keys.protocol in (4, 41, 47)


def _unchained(protocol: int, rest: bytes) -> tuple[int, bytes | None]:
    """Past extension headers; without a payload in fragments, and where the chain is cut."""
    while protocol in (0, 43, 44, 60):
        if protocol == 44:
            return (rest[0], None) if len(rest) >= 8 else (44, None)
        if len(rest) < 2:
            return protocol, None
        protocol, rest = rest[0], rest[8 * (rest[1] + 1) :]
    return protocol, rest


def quoted(octets: bytes) -> bytes:
    """The packet whose flow an ICMP error belongs to; any other packet itself (ip_multipath_l3_keys)."""
    if octets[0] >> 4 == 4:
        payload, size = octets[4 * (octets[0] & 15) :], 20
        first = int.from_bytes(octets[6:8], "big") & 0x1FFF == 0
        told = octets[9] == 1 and first and payload[:1] in (b"\3", b"\4", b"\5", b"\x0b", b"\x0c")
    else:
        payload, size = octets[40:], 40
        told = octets[6] == 58 and payload[:1] in (b"\1", b"\2", b"\3", b"\4")
    return payload[8:] if told and len(payload) >= 8 + size else octets


def flow_hash(octets: bytes, policy: int, fields: int, seed: int) -> int | None:
    """fib_multipath_hash, rt6_multipath_hash; None where an inner packet counts."""
    version = octets[0] >> 4
    if policy == 0:
        inner = quoted(octets)
        if version == 4:
            return Keys(inner[12:16], inner[16:20]).hash(seed) >> 1
        label = int.from_bytes(inner[1:4], "big") & 0xFFFFF
        return Keys(inner[8:24], inner[24:40], inner[6], label.to_bytes(4, "big")).hash(seed) >> 1
    keys, tunnel = dissected(octets)
    if policy == 1:
        keys.label = bytes(4)
    elif policy == 2:
        keys.ports = bytes(4)
        if version == 4:
            keys.protocol = 0
    else:
        return _custom(version, keys, fields, seed) if not (tunnel and fields & 0xFC0) else None
    return None if tunnel and policy == 2 else keys.hash(seed) >> 1


def _custom(version: int, keys: Keys, fields: int, seed: int) -> int:
    nothing = bytes(len(keys.source))
    keys.source = keys.source if fields & 1 else nothing
    keys.destination = keys.destination if fields & 2 else nothing
    keys.protocol = keys.protocol if fields & 4 else 0
    keys.label = keys.label if fields & 8 and version == 6 else bytes(4)
    keys.ports = (keys.ports[:2] if fields & 16 else bytes(2)) + (keys.ports[2:] if fields & 32 else bytes(2))
    outer = keys.hash(seed) if fields & 0x3F else 0
    return naive_hashes.jenkins2(outer, 0) >> 1


def bounds(weights: Sequence[int]) -> list[int]:
    """fib_rebalance: the last hash of each share, half a hash rounded up."""
    total, summed, found = sum(weights), 0, []
    for weight in weights:
        summed += weight
        found.append(int(Fraction(summed * 2**31, total) + Fraction(1, 2)) - 1)
    return found


def chosen(weights: Sequence[int], lost: Sequence[bool], careful: bool, found: int) -> int:
    """nexthop_select_path_hthr, and without care fib_select_multipath: the number of the path."""
    good = [number for number in range(len(weights)) if not (careful and lost[number])]
    reached = [number for number in good if found <= bounds(weights)[number]]
    return (reached or good or [0])[0]
