"""What tells IPv4 flows apart, as Linux sees it (net/ipv4/route.c, fib_multipath_hash; net/core/flow_dissector.c)."""

from bise.features.nexthop.choice import (
    ONLY_LINUX,
    Field,
    Flow,
    Reach,
    both_ports,
    hashed,
    is_tunnel,
    reach,
    set_front,
)
from bise.hot import Header, hot, le32, local, shift_left64
from bise.wire import icmp, ipv4
from bise.wire.icmp import ICMP
from bise.wire.ipv4 import SIZE, IPv4, Protocol


class _Addresses(Header):
    """A header's addresses in the machine's order, by which Linux sorts them."""

    length = le32()
    fragment = le32()
    hop = le32()
    source = le32()
    destination = le32()


_WORDS = 6
make_flow = local(Flow)


@hot
def flow_hash(packet, hashing):
    """31 bits that all packets of a flow have in common, in both directions; ONLY_LINUX where only Linux knows them."""
    ip, counted = IPv4(packet, packet.l3), hashing.counted
    whole = not ipv4.is_fragment(ip)
    if hashing.linux != 0 or (hashing.inner != 0 and whole and is_tunnel(ip.protocol)):
        return ONLY_LINUX
    place, ports, end = packet.l3, 0, packet.l3 + ip.total_length
    if hashing.quoting != 0 and ip.protocol == Protocol.ICMP:
        place = _quoted(packet, end)
    if whole:
        ports = both_ports(packet, counted, ip.protocol, packet.l3 + ipv4.header_octets(ip), end)
    if place < 0 or ports < 0:
        return ONLY_LINUX
    protocol = ip.protocol if counted & Field.PROTOCOL else 0
    return _hash(_Addresses(packet, place), hashing, protocol, ports)


@hot
def _hash(addresses, hashing, protocol, ports):
    """After the addresses come four octets more: in Linux's struct they share their room with IPv6's."""
    source = addresses.source if hashing.counted & Field.SOURCE else 0
    destination = addresses.destination if hashing.counted & Field.DESTINATION else 0
    flow = make_flow()
    set_front(flow, protocol, 0, ports)
    flow.addresses_0 = shift_left64(min(source, destination), 32)
    flow.addresses_1 = max(source, destination)
    return hashed(flow, _WORDS, hashing)


@hot
def _quoted(packet, end):
    """Where the header is whose flow an ICMP message belongs to: its own, or in an error the one quoted; -1 where that
    can't be read (ip_multipath_l3_keys)."""
    ip = IPv4(packet, packet.l3)
    at = packet.l3 + ipv4.header_octets(ip)
    found = reach(packet, at, icmp.SIZE, end)
    if ipv4.is_later_fragment(ip) or found == Reach.ABSENT:
        return packet.l3
    if found == Reach.HERE and not icmp.is_error(ICMP(packet, at)):
        return packet.l3
    found = reach(packet, at + icmp.SIZE, SIZE, end)
    if found == Reach.HERE:
        return at + icmp.SIZE
    return packet.l3 if found == Reach.ABSENT else -1
