"""Routes from messages, the short way and the long one."""

import pytest

from bise.control.netlink.message import NetlinkError, messages
from bise.control.netlink.routes import RouteDecoder
from bise.control.objects import Path, Prefix, RouteKind
from tests.control.netlink import recorded

LINK_LOCAL = 0xFE80 << 112


def plain_4(destination: str, **fields) -> bytes:
    attributes = [["RTA_TABLE", 254], ["RTA_DST", destination], ["RTA_GATEWAY", "10.0.0.1"], ["RTA_OIF", 3]]
    return recorded.route(family=2, dst_len=24, table=254, proto=4, scope=0, type=1, attrs=attributes, **fields)


PLAIN_4 = plain_4("20.0.0.0")
MULTIPATH_4 = recorded.route(
    family=2,
    dst_len=16,
    table=254,
    proto=4,
    type=1,
    attrs=[
        ["RTA_TABLE", 254],
        ["RTA_DST", "20.1.0.0"],
        ["RTA_PRIORITY", 5],
        ["RTA_METRICS", {"attrs": [["RTAX_MTU", 1400], ["RTAX_LOCK", 4], ["RTAX_ADVMSS", 1000]]}],
        [
            "RTA_MULTIPATH",
            [
                {"oif": 3, "hops": 4, "flags": 0, "attrs": [["RTA_GATEWAY", "10.0.0.1"]]},
                {"oif": 4, "hops": 0, "flags": 4, "attrs": [["RTA_GATEWAY", "10.0.0.2"]]},
            ],
        ],
    ],
)
MULTIPATH_6 = recorded.route(
    family=10,
    dst_len=48,
    table=254,
    proto=4,
    type=1,
    attrs=[
        ["RTA_TABLE", 254],
        ["RTA_DST", "2001:db8:20::"],
        ["RTA_PRIORITY", 1024],
        [
            "RTA_MULTIPATH",
            [
                {"oif": 3, "hops": 0, "flags": 0, "attrs": [["RTA_GATEWAY", "fe80::1"]]},
                {"oif": 4, "hops": 1, "flags": 0x11, "attrs": [["RTA_GATEWAY", "fe80::2"]]},
            ],
        ],
    ],
)


def decoded(octets, decoder=None):
    (message,) = messages(octets)
    return (decoder or RouteDecoder()).decode(octets, message.start, message.end)


def test_a_plain_route():
    prefix, (route,) = decoded(PLAIN_4)
    assert prefix == Prefix(4, 254, 0x14000000, 24)
    assert str(prefix) == "20.0.0.0/24"
    assert route.paths == (Path(link=3, via=0x0A000001, via_family=4),)
    assert (route.kind, route.protocol, route.metric, route.mtu) == (RouteKind.UNICAST, 4, 0, 0)


def test_a_route_with_several_paths_and_metrics():
    _, (route,) = decoded(MULTIPATH_4)
    assert route.paths == (
        Path(link=3, via=0x0A000001, via_family=4, weight=5),
        Path(link=4, via=0x0A000002, via_family=4, onlink=True),
    )
    assert (route.metric, route.mtu, route.mtu_locked, route.metrics) == (5, 1400, True, ((8, 1000),))


def test_whether_a_path_is_dead_is_no_part_of_it():
    prefix, (route,) = decoded(MULTIPATH_6)
    assert (prefix.family, prefix.length) == (6, 48)
    assert route.paths == (
        Path(link=3, via=LINK_LOCAL + 1, via_family=6),
        Path(link=4, via=LINK_LOCAL + 2, via_family=6, weight=2),
    )


def test_an_ipv4_route_through_an_ipv6_gateway():
    attributes = [
        ["RTA_TABLE", 254],
        ["RTA_DST", "20.1.0.0"],
        ["RTA_VIA", {"family": 10, "addr": "fe80::1"}],
        ["RTA_OIF", 3],
    ]
    _, (route,) = decoded(recorded.route(family=2, dst_len=16, table=254, type=1, attrs=attributes))
    assert route.paths == (Path(link=3, via=LINK_LOCAL + 1, via_family=6),)


def test_the_default_route_has_no_destination():
    attributes = [["RTA_TABLE", 254], ["RTA_GATEWAY", "10.0.0.1"], ["RTA_OIF", 3]]
    prefix, _ = decoded(recorded.route(family=2, dst_len=0, table=254, type=1, attrs=attributes))
    assert prefix == Prefix(4, 254, 0, 0)


@pytest.mark.parametrize(("kind", "number"), [("BLACKHOLE", 6), ("UNREACHABLE", 7), ("PROHIBIT", 8), ("THROW", 9)])
def test_where_packets_end_there_is_no_path(kind, number):
    attributes = [["RTA_TABLE", 254], ["RTA_DST", "2001:db8::"], ["RTA_OIF", 1]]
    _, (route,) = decoded(recorded.route(family=10, dst_len=32, table=254, type=number, attrs=attributes))
    assert (route.kind, route.paths) == (RouteKind[kind], ())


def test_a_table_above_255_is_in_its_attribute():
    attributes = [["RTA_TABLE", 1000], ["RTA_DST", "20.1.0.0"], ["RTA_OIF", 3]]
    prefix, _ = decoded(recorded.route(family=2, dst_len=16, table=252, type=1, attrs=attributes))
    assert prefix.table == 1000


def test_a_route_that_names_an_object_leaves_its_paths_to_that():
    _, (route,) = decoded(recorded.with_attribute(PLAIN_4, 30, (7).to_bytes(4, "little")))
    assert (route.next_hop_id, route.paths) == (7, ())


def test_routes_that_differ_in_their_destination_share_what_they_do():
    decoder = RouteDecoder()
    one, other = decoded(PLAIN_4, decoder), decoded(plain_4("20.9.9.0"), decoder)
    assert one.prefix != other.prefix
    assert one.routes is other.routes


def test_the_short_way_and_the_long_one_agree():
    decoder = RouteDecoder()
    for octets in (PLAIN_4, MULTIPATH_4, MULTIPATH_6, plain_4("20.9.9.0")):
        first, again = decoded(octets, decoder), decoded(octets, decoder)
        assert first == again == decoded(octets)


def test_cached_routes_and_multicast_routing_are_none_of_ours():
    assert decoded(plain_4("20.0.0.0", flags=0x200)) is None
    assert decoded(recorded.route(family=128, dst_len=32, table=254, type=5)) is None


def test_a_destination_of_the_other_family_is_an_error():
    octets = bytearray(PLAIN_4)
    octets[16] = 10
    with pytest.raises(NetlinkError):
        decoded(bytes(octets))


def test_a_prefix_longer_than_an_address_is_an_error():
    octets = bytearray(PLAIN_4)
    octets[17] = 33
    with pytest.raises(NetlinkError):
        decoded(bytes(octets))


def test_a_destination_that_is_cut_off_is_an_error_even_if_its_beginning_is_known():
    decoder = RouteDecoder()
    attributes = [["RTA_TABLE", 254], ["RTA_DST", "20.1.0.0"]]
    whole = recorded.route(family=2, dst_len=16, table=254, type=6, attrs=attributes)
    decoded(whole, decoder)
    cut = (len(whole) - 4).to_bytes(4, "little") + whole[4:-4]
    with pytest.raises(NetlinkError):
        decoded(cut, decoder)
