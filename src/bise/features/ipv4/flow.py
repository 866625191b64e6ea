"""What tells IPv4 flows apart, as Linux sees it (net/ipv4/route.c, fib_multipath_hash; net/core/flow_dissector.c)."""

from bise.features.nexthop.choice import (
    ONLY_LINUX,
    Field,
    Flow4,
    Reach,
    blank,
    hashed,
    is_tunnel,
    reach,
    set_ports,
)
from bise.hot import Header, hot, le32, local
from bise.wire import icmp, ipv4
from bise.wire.icmp import ICMP
from bise.wire.ipv4 import SIZE, IPv4, Protocol


class _Addresses(Header):
    """A header's addresses in the machine's order, by which Linux sorts them."""

    row_0 = le32()
    row_1 = le32()
    row_2 = le32()
    source = le32()
    destination = le32()


_FLOW_SIZE = Flow4.size
make_flow = local(Flow4)


@hot
def flow_hash(packet, hashing):
    """31 bits that all packets of a flow have in common, in both directions; ONLY_LINUX where only Linux knows them."""
    ip, flow, fields = IPv4(packet, packet.l3), make_flow(), hashing.counted
    whole = not ipv4.is_fragment(ip)
    if hashing.linux != 0 or (hashing.inner != 0 and whole and is_tunnel(ip.protocol)):
        return ONLY_LINUX
    blank(flow.address, _FLOW_SIZE)
    place, end = packet.l3, packet.l3 + ip.total_length
    if hashing.quoting != 0 and ip.protocol == Protocol.ICMP:
        place = _quoted(packet, end)
        if place < 0:
            return ONLY_LINUX
    _set_addresses(flow, fields, _Addresses(packet, place))
    if fields & Field.PROTOCOL:
        flow.protocol = ip.protocol
    if whole and not set_ports(flow, fields, packet, ip.protocol, packet.l3 + ipv4.header_octets(ip), end):
        return ONLY_LINUX
    return hashed(flow.address, _FLOW_SIZE, hashing)


@hot
def _set_addresses(flow, fields, addresses):
    source = addresses.source if fields & Field.SOURCE else 0
    destination = addresses.destination if fields & Field.DESTINATION else 0
    flow.source = min(source, destination)
    flow.destination = max(source, destination)


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
