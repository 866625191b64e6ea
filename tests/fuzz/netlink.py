"""Whatever a message from Linux claims: it is read, or NetlinkError says why not; then the network tells of it."""

from contextlib import suppress

from bise.control.netlink import decode
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import Attributes, NetlinkError, messages, refusal
from bise.control.netlink.routes import RouteDecoder
from bise.control.netlink.rows import rows_of
from bise.control.netlink.rules import decode_rule
from bise.control.network import Network
from bise.control.objects import Destination

_DECODERS = (
    decode.decode_link,
    decode.decode_address,
    decode.decode_neighbour,
    decode.decode_next_hop,
    decode.decode_settings,
    decode.link_identity,
    decode.next_hop_identity,
    decode_rule,
)


def examine(octets: bytes) -> None:
    """As several messages of a datagram, and as one body for each decoder. Raises what a reader raises in vain."""
    _apply(octets)
    for decoder in (*_DECODERS, RouteDecoder().decode):
        with suppress(NetlinkError):
            decoder(octets, 16, len(octets))
    with suppress(NetlinkError):
        Attributes(octets, 0, len(octets))


def _apply(octets: bytes) -> None:
    """Message by message, and all at once: what is read to the end is the same."""
    readings = [(network := Network(RouteReader(RouteDecoder())), read(network, octets)) for read in (_each, _whole)]
    for network, _ in readings:
        assert not any(isinstance(one, Destination) and not one.routes for one in network.routes.values())
    (one, read), (other, read_whole) = readings
    if read and read_whole:
        assert dict(one.routes) == dict(other.routes)
    for network, _ in readings:
        while network.changed():
            for change in network.take_changes(1 << 16):
                assert repr(change)


def _each(network: Network, octets: bytes) -> bool:
    """Whether all of it could be read."""
    good = True
    try:
        for message in messages(octets):
            with suppress(NetlinkError):
                refusal(octets, message)
            network.apply(octets, message)
            _finish(network)
    except NetlinkError:
        good = False
    _finish(network)
    return good


def _whole(network: Network, octets: bytes) -> bool:
    """Whether all of it could be read."""
    try:
        rows = rows_of(octets)
        while len(rows):
            rows = rows[network.apply_rows(octets, rows) :]
            _finish(network)
    except NetlinkError:
        _finish(network)
        return False
    return True


def _finish(network: Network) -> None:
    while network.work():
        pass
