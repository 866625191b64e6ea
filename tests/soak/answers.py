"""Whether packets leave as Linux says that they should, for destinations drawn by chance."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from bise.control.asked import Flow, Way, ask_way
from bise.control.objects import Path, RouteKind, address_text
from tests.oracle.peer import Peer
from tests.soak import events
from tests.soak.trial import PORTS, Trial

_MARK = b"bise soak "
_PATIENCE_S = 2.0
_PROBES = 12
_SOURCE_PORT, _DESTINATION_PORT = 40000, 9
_KNOWN = frozenset({"PERMANENT", "REACHABLE", "STALE", "DELAY", "PROBE", "NOARP"})


@dataclass(frozen=True)
class Probe:
    """A packet from the first port's host. `exits`: where it may leave, as (port, MAC); none: nowhere. Not `sure`:
    Linux has to find out first who the next one is, and the packet may be lost."""

    destination: str
    octets: bytes
    exits: frozenset[tuple[str, str]]
    sure: bool


def wrong(trial: Trial, judged: Counter[str]) -> list[str]:
    """What packets did that Linux wouldn't have had them do, a line each. `judged`: how many there were of a kind."""
    with ExitStack() as stack:
        peers = {port.name: stack.enter_context(Peer(trial.topology.hosts[port.name], port.far)) for port in PORTS}
        probes = list(_probes(trial))
        peers[PORTS[0].name].send(probe.octets for probe in probes)
        arrived: dict[int, set[tuple[str, str]]] = {}
        limit = time.monotonic() + _PATIENCE_S
        due = {number for number, probe in enumerate(probes) if probe.exits and probe.sure}
        while due - arrived.keys() and time.monotonic() < limit:
            time.sleep(0.02)
            for name, peer in peers.items():
                for packet in peer.receive():
                    number = _number(packet)
                    if number is not None:
                        arrived.setdefault(number, set()).add((name, packet[:6].hex(":")))
    judged.update("unsure" if not probe.sure else "forwarded" if probe.exits else "nowhere" for probe in probes)
    return [line for number, probe in enumerate(probes) for line in _judged(probe, arrived.get(number, set()))]


def _number(packet: bytes) -> int | None:
    """Of the probe that a packet is; an error that quotes one isn't."""
    place = {b"\x08\x00": 42, b"\x86\xdd": 62}.get(packet[12:14], len(packet))
    return packet[place + len(_MARK)] if packet[place:].startswith(_MARK) else None


def _judged(probe: Probe, arrived: set[tuple[str, str]]) -> Iterator[str]:
    if arrived - probe.exits and (probe.sure or {port for port, _ in arrived} - {port for port, _ in probe.exits}):
        yield f"{probe.destination} left by {sorted(arrived)}, Linux says {sorted(probe.exits) or 'nowhere'}"
    if probe.exits and probe.sure and not arrived:
        yield f"{probe.destination} never left, Linux says {sorted(probe.exits)}"


def _probes(trial: Trial) -> Iterator[Probe]:
    links = {one["ifindex"]: one["ifname"] for one in json.loads(trial.namespace.run_line("ip -j link show"))}
    macs = {
        (one["dev"], one["dst"]): one["lladdr"]
        for one in json.loads(trial.namespace.run_line("ip -j neighbour show"))
        if "lladdr" in one and _KNOWN.intersection(one["state"])
    }
    for number in range(_PROBES):
        destination = _destination(trial)
        way = _way(trial, destination, {name: index for index, name in links.items()})
        yield _probe(number, destination, way, links, macs)


def _destination(trial: Trial) -> str:
    family, port = trial.chance.choice((4, 6)), trial.drawn_port()
    draw = trial.chance.random()
    if draw < 0.6:
        return events.destination(trial, family)
    if draw < 0.8:
        return events.neighbour(trial, port, family)
    return port.beyond4 if family == 4 else port.beyond6


def _way(trial: Trial, destination: str, indices: dict[str, int]) -> Way:
    address, source = ip_address(destination), PORTS[0]
    origin = int(ip_address(source.host4 if address.version == 4 else source.host6))
    flow = Flow(address.version, origin, int(address), indices[source.name], 17, _SOURCE_PORT, _DESTINATION_PORT)
    with trial.namespace.inside():
        return ask_way(flow)


def _probe(number: int, destination: str, way: Way, links: dict[int, str], macs: dict[tuple[str, str], str]) -> Probe:
    forwarded = not way.error and way.kind is RouteKind.UNICAST
    paths = (way.paths or (way.path,)) if forwarded else ()
    exits = [
        (links.get(path.link, ""), macs.get((links.get(path.link, ""), _next(path, destination)))) for path in paths
    ]
    known = frozenset((port, mac or "") for port, mac in exits)
    return Probe(destination, _octets(number, destination), known, all(mac is not None for _, mac in exits))


def _next(path: Path, destination: str) -> str:
    return destination if path.via is None else address_text(path.via_family, path.via)


def _octets(number: int, destination: str) -> bytes:
    source = PORTS[0]
    ip = IPv6(src=source.host6, dst=destination) if ":" in destination else IP(src=source.host4, dst=destination)
    datagram = UDP(sport=_SOURCE_PORT, dport=_DESTINATION_PORT) / (_MARK + bytes([number]))
    return bytes(Ether(src=source.host_mac, dst=source.router_mac) / ip / datagram)
