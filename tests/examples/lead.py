"""Leads packets that scapy made through the whole graph with the three examples in it; prints what became of each.

python -m tests.examples.lead
"""

import json
from pathlib import Path

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from bise import daemon
from bise.engine.graph import build
from bise.engine.node import NOWHERE
from bise.engine.nodefile import NodeFile, keep, load, read
from bise.features.feature import Surroundings
from bise.instance.nodes import Held
from bise.tables.retire import immediately
from tests.engine.rig import Frame, Rig
from tests.features import world

FOLDER = Path(__file__).parents[2] / "examples"
MONITOR = 2
INGRESS, SOURCE, DESTINATION = world.PORTS[0], "20.0.0.9", "20.1.0.9"
SOURCE6, DESTINATION6 = "2001:db8:20::9", "2001:db8:21::9"


def example(name: str) -> NodeFile:
    """As Bise takes it in."""
    written = read(FOLDER / f"{name}.py")
    keep(written)
    return load(written)


def framed(packet: Packet) -> bytes:
    """As a neighbour of the first port sends it."""
    return bytes(Ether(src="02:ff:00:00:00:02", dst=INGRESS.mac.to_bytes(6, "big").hex(":")) / packet)


def to(destination: str = DESTINATION, **fields: int) -> IP:
    return IP(src=SOURCE, dst=destination, ttl=64, **fields)


def query(name: str, **fields: int) -> Packet:
    return DNS(rd=1, qd=DNSQR(qname=name), **fields)


def tunnelled(inner: Packet, teid: int = 0x1001, endpoint: str = "192.0.2.1", **fields: int) -> Packet:
    head = GTP_U_Header(teid=teid, gtp_type=255, **fields)
    return IP(src=SOURCE, dst=endpoint) / UDP(sport=2152, dport=2152) / head / inner


INNER = to() / ICMP() / Raw(b"inside of a tunnel, and long enough to be sent alone")
INNER6 = IPv6(src=SOURCE6, dst=DESTINATION6) / UDP(sport=1, dport=2) / Raw(b"inside of a tunnel")
_FLAGS = dict.fromkeys(("E", "S", "PN"), 0)
# By name, what a burst is made of: each of them once, alone.
PACKETS: dict[str, Packet] = {
    "query": to() / UDP(dport=53) / query("www.example.org"),
    "blocked": to() / UDP(dport=53) / query("ads.example.com"),
    "blocked, in capitals": to() / UDP(dport=53) / query("ADS.Example.COM"),
    "blocked, below": to() / UDP(dport=53) / query("a.b.tracker.example"),
    "not blocked, above": to() / UDP(dport=53) / query("example.com"),
    "not blocked, beside": to() / UDP(dport=53) / query("bads.example.com"),
    "not blocked, longer": to() / UDP(dport=53) / query("ads.example.com.org"),
    "a response": to() / UDP(dport=53) / query("ads.example.com", qr=1),
    "another port": to() / UDP(dport=5353) / query("ads.example.com"),
    "over TCP": to() / TCP(dport=53) / query("ads.example.com"),
    "a later fragment": to(frag=100) / UDP(dport=53) / query("ads.example.com"),
    "a name without end": to() / UDP(dport=53) / DNS(qdcount=1, qd=[]) / Raw(b"\x3fads"),
    "a pointer": to() / UDP(dport=53) / DNS(qdcount=1, qd=[]) / Raw(b"\x03ads\xc0\x0c\0\x01\0\x01"),
    "no question": to() / UDP(dport=53) / DNS(qdcount=0, qd=[]),
    "to the service": to() / TCP(sport=4000, dport=80) / Raw(b"GET"),
    "from the service": to() / TCP(sport=80, dport=4000) / Raw(b"200"),
    "beside the service": to() / TCP(sport=81, dport=4000),
    "tunnelled": tunnelled(INNER, **_FLAGS),
    "tunnelled IPv6": tunnelled(INNER6, **_FLAGS),
    "tunnelled, with a number": tunnelled(INNER, teid=0x1002, E=0, S=1, PN=0, seq=7),
    "tunnelled, extended": tunnelled(GTPPDUSessionContainer(type=1, QFI=1) / INNER, E=1, S=0, PN=0, next_ex=0x85),
    "an unknown tunnel": tunnelled(INNER, teid=0x9999, **_FLAGS),
    "another endpoint": tunnelled(INNER, endpoint=DESTINATION, **_FLAGS),
    "an echo request": IP(src=SOURCE, dst="192.0.2.1") / UDP(dport=2152) / GTP_U_Header(gtp_type=1, teid=0, **_FLAGS),
    "an empty tunnel": tunnelled(Raw(b""), **_FLAGS),
}


def main() -> dict[str, dict[str, object]]:
    """By packet: its sink, what was sent and what was copied; then what the nodes remember."""
    network = world.network()
    features = daemon.make_features(Surroundings(network, immediately, ports=256))
    world.tell(features, network)
    files = [example(name) for name in ("dns_guard", "mirror", "gtp_u")]
    graph = build(daemon.START, [*(one.part for one in features), *(one.part for one in files)], always=(NOWHERE,))
    states = {kind: address for feature in features for kind, address in feature.states().items()}
    held = [Held(file, 1, None) for file in files]
    for one in held:
        for write in one.prepared({"mon": MONITOR}):
            write()
        states |= {record.kind: record.addresses[0] for record in one.records.values()}
    rig, told = Rig(graph, len(world.PORTS), states), {}
    for name, packet in PACKETS.items():
        became = rig.run(INGRESS.number, [Frame(framed(packet))])
        (sink,) = became.sinks
        sent = [(egress, octets.hex()) for egress, octets in became.sent.values()]
        copies = [(egress, octets.hex()) for egress, octets in became.copies]
        told[name] = {"sink": sink, "sent": sent, "copies": copies, "punted": [one.hex() for one in became.punted]}
    fields = {}
    for one in held:
        for record in one.records.values():
            fields |= {f"{one.file.name}.{field}": record.values(field)[0] for field in record.kind.fields}
    rig.close()
    return {**told, "remembered": fields}


if __name__ == "__main__":
    print(json.dumps(main()))
