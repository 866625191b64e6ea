"""A whole router on octets: the slow twin of the graph, over the world made by hand. Says a sink's name for each packet
and what leaves, written from Linux's order of decisions."""

from dataclasses import dataclass

from bise.wire import ipv4, ipv6
from bise.wire.offload import Completion
from tests.features.nexthop import naive as flows
from tests.features.world import POLICY, PORTS, Port, Way, look_up
from tests.wire import naive, naive_offload
from tests.wire.naive import number


@dataclass(frozen=True)
class Fate:
    """`egress` -1 where the packet isn't sent; `octets` are what is sent or punted."""

    sink: str
    octets: bytes
    egress: int = -1


_ENDS = {
    "local": "punt ipv{}.local",
    "unresolved": "punt ipv{}.unresolved",
    "lost": "punt ipv{}.unresolved",
    "blackhole": "drop ipv{}.blackhole",
    "unreachable": "punt ipv{}.unreachable",
    "prohibit": "punt ipv{}.prohibit",
    "other-link": "punt ipv{}.other-link",
    "kernel": "punt ipv{}.kernel-route",
    "broadcast": "punt ipv{}.broadcast",
    "no-route": "punt ipv{}.no-route",
}


def fate(port: Port, frame: bytes, further: int) -> Fate | None:
    """What becomes of a packet received on a port; None where that hangs on octets that aren't at hand."""
    version, sink = _ethernet(port, frame)
    if sink:
        return Fate(sink, frame)
    packet = frame[14:]
    trusted = (naive.ipv4_fault if version == 4 else naive.ipv6_fault)(packet, further) == 0
    if port.incomplete and trusted:
        done, packet = naive_offload.complete(packet, further, version)
        if done == Completion.SPLIT:
            return Fate("drop offload.split", frame)
    frame = frame[:14] + packet
    sink = (_ipv4_input if version == 4 else _ipv6_input)(port, packet, further)
    if sink:
        return Fate(sink, frame)
    return _forward(port, frame, further, version)


def _ethernet(port: Port, frame: bytes) -> tuple[int, str]:
    if len(frame) < 14:
        return 0, "drop ethernet.short"
    kind = number(frame, 12, 2)
    if number(frame, 0, 6) != port.mac:
        return 0, "punt ethernet.group" if frame[0] & 1 else "drop ethernet.other-host"
    if (port.gate & 2 and kind == 0x0800) or (port.gate & 4 and kind == 0x86DD):
        return 0, "punt ethernet.gated"
    if kind == 0x0800:
        return 4, ""
    if kind == 0x86DD:
        return 6, ""
    return 0, {0x0806: "punt ethernet.arp", 0x8100: "punt ethernet.vlan", 0x88A8: "punt ethernet.vlan"}.get(
        kind, "punt ethernet.protocol"
    )


def _ipv4_input(port: Port, packet: bytes, further: int) -> str:
    fault = naive.ipv4_fault(packet, further)
    if fault:
        return f"drop ipv4.{ipv4.Fault(fault).name.lower().replace('_', '-')}"
    if packet[0] & 15 > 5:
        return "punt ipv4.options"
    source = packet[12:16]
    if source == bytes(4) or source == b"\xff" * 4 or source[0] == 127 or 224 <= source[0] < 240:
        return "drop ipv4.martian-source"
    return _source(port, look_up(4, int.from_bytes(source, "big")))


def _source(port: Port, back: Way) -> str:
    """fib_validate_source, by the way back."""
    if back.kind == "local":
        return "drop ipv4.own-source"
    if back.kind == "broadcast":
        return "punt ipv4.doubtful-source"
    if port.rp_filter == 0 or (back.kind == "forward" and back.port == port.number):
        return ""
    if port.rp_filter == 1:
        return "drop ipv4.reverse-path" if back.kind == "forward" else "punt ipv4.doubtful-source"
    reached = back.kind in ("forward", "unresolved", "lost", "other-link", "group")
    return "" if reached and port.addressed else "punt ipv4.doubtful-source"


def _ipv6_input(port: Port, packet: bytes, further: int) -> str:
    fault = naive.ipv6_fault(packet, further)
    if fault:
        names = {ipv6.Fault.SOURCE: "martian-source", ipv6.Fault.DESTINATION: "martian-destination"}
        return f"drop ipv6.{names.get(fault, fault.name.lower().replace('_', '-'))}"
    if packet[6] == 0:
        return "punt ipv6.hop-by-hop"
    if packet[8:16] == bytes(8) or packet[8:10] >= b"\xfe\x80":
        return "punt ipv6.odd-source"
    return ""


def _forward(port: Port, frame: bytes, further: int, version: int) -> Fate | None:
    packet = frame[14:]
    total = number(packet, 2, 2) if version == 4 else 40 + number(packet, 4, 2)
    target = packet[16:20] if version == 4 else packet[24:40]
    way = look_up(version, int.from_bytes(target, "big"))
    if way.kind == "group":
        if further:
            return None
        if version == 6 and _is_long(packet[:total]):
            return Fate("punt ipv6.multipath", frame)
        way = _choice(way, packet[:total], version)
    if way.kind != "forward":
        return Fate(_ENDS[way.kind].format(version), frame)
    if packet[8 if version == 4 else 7] <= 1:
        return Fate("punt ipv4.ttl" if version == 4 else "punt ipv6.hop-limit", frame)
    if total > way.mtu:
        return Fate(f"punt ipv{version}.too-big", frame)
    if way.port == port.number:
        return Fate(f"punt ipv{version}.redirect", frame)
    if further == 0:
        packet = packet[:total]
    aged = naive.decrease_ttl(packet) if version == 4 else packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    macs = way.mac.to_bytes(6, "big") + PORTS[way.port].mac.to_bytes(6, "big")
    return Fate("transmit", macs + frame[12:14] + aged, way.port)


def _is_long(packet: bytes) -> bool:
    """Eight extension headers or more: it is Linux that looks for the ports behind them."""
    protocol, rest, count = packet[6], packet[40:], 0
    while protocol in (0, 43, 60) and len(rest) >= 2 and count < 8:
        protocol, rest, count = rest[0], rest[8 * (rest[1] + 1) :], count + 1
    return count == 8


def _choice(group: Way, packet: bytes, version: int) -> Way:
    rule = POLICY[version]
    found = flows.flow_hash(packet, rule.policy, rule.fields, rule.seed)
    assert found is not None
    place = flows.chosen(group.weights, [way.kind == "lost" for way in group.ways], False, found)
    return group.ways[place]
