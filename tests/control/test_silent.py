"""What follows from an announcement though Linux doesn't say it: for links that this kernel lacks, from messages."""

from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import messages
from bise.control.netlink.routes import RouteDecoder
from bise.control.network import Network
from bise.control.objects import Prefix
from tests.control.netlink import recorded
from tests.control.netlink.test_decode import GATEWAY_4, WEIGHTED

ETH0, VRF = 3, 9


def network_of(*octets: bytes) -> Network:
    network = Network(RouteReader(RouteDecoder()))
    hear(network, *octets)
    return network


def hear(network: Network, *octets: bytes) -> None:
    for one in octets:
        for message in messages(one):
            network.apply(one, message)
    while network.work():
        pass


def eth0(**fields) -> bytes:
    return recorded.link("eth0", ETH0, **fields)


def address(text: str, kind: int = 20) -> bytes:
    octets = recorded.address(family=2, prefixlen=24, index=ETH0, attrs=[["IFA_ADDRESS", text], ["IFA_LOCAL", text]])
    return octets[:4] + bytes([kind]) + octets[5:]


def route(destination: str, *more, links=(ETH0,), table: int = 254, scope: int = 0) -> bytes:
    hops = [{"oif": link, "hops": 0, "flags": 0, "attrs": [["RTA_GATEWAY", "10.0.0.2"]]} for link in links]
    attributes = [["RTA_TABLE", table], ["RTA_DST", destination], *more, ["RTA_MULTIPATH", hops]]
    return recorded.route(family=2, dst_len=24, table=table, scope=scope, type=1, attrs=attributes)


def destinations(network: Network) -> set[str]:
    return {str(prefix) for prefix in network.routes}


def test_routes_go_down_with_their_link_unless_they_lead_elsewhere_too():
    eth1 = recorded.link("eth1", 4)
    both, local = route("20.1.0.0", links=(ETH0, 4)), route("10.0.0.0", scope=254)
    network = network_of(eth0(), eth1, route("20.0.0.0"), both, local)
    hear(network, eth0(flags=0x1002))
    assert destinations(network) == {"20.1.0.0/24", "10.0.0.0/24"}
    hear(network, recorded.link("eth1", 4, flags=0x1002))
    assert destinations(network) == {"10.0.0.0/24"}


def test_a_link_that_is_deleted_takes_even_routes_that_lead_elsewhere_too():
    network = network_of(eth0(), recorded.link("eth1", 4), route("20.1.0.0", links=(ETH0, 4)))
    gone = eth0()
    hear(network, gone[:4] + bytes([17]) + gone[5:])
    assert not network.routes
    assert list(network.links.values) == [4]


def test_entering_a_vrf_takes_the_routes_of_the_link():
    vrf = recorded.link("blue", VRF, "vrf", [["IFLA_VRF_TABLE", 1007]])
    network = network_of(vrf, eth0(), route("20.0.0.0"))
    hear(network, eth0(slave="vrf", attrs=[["IFLA_MASTER", VRF]]))
    assert not network.routes
    assert network.suspicious == {ETH0}


def test_entering_a_bridge_leaves_them_alone():
    network = network_of(recorded.link("br0", VRF, "bridge"), eth0(), route("20.0.0.0"))
    hear(network, eth0(slave="bridge", attrs=[["IFLA_MASTER", VRF]]))
    assert destinations(network) == {"20.0.0.0/24"}


def test_an_address_takes_the_routes_of_main_that_send_from_it():
    preferred = ["RTA_PREFSRC", "10.0.0.1"]
    network = network_of(
        eth0(),
        address("10.0.0.1"),
        address("10.0.0.9"),
        route("20.0.0.0", preferred),
        route("21.0.0.0", preferred, table=7),
    )
    hear(network, address("10.0.0.1", kind=21))
    assert destinations(network) == {"21.0.0.0/24"}


def test_the_last_address_takes_all_routes_of_its_link():
    network = network_of(eth0(), address("10.0.0.1"), route("20.0.0.0"), route("21.0.0.0", table=7))
    hear(network, address("10.0.0.1", kind=21))
    assert not network.routes


def test_without_a_carrier_next_hop_objects_go_and_their_groups_and_routes():
    named = recorded.with_attribute(route("20.0.0.0"), 30, (12).to_bytes(4, "little"))
    second = bytearray(bytes.fromhex(GATEWAY_4))
    second[28] = 2  # its identity
    network = network_of(
        eth0(), bytes.fromhex(GATEWAY_4), bytes(second), bytes.fromhex(WEIGHTED), named, route("21.0.0.0")
    )
    assert set(network.next_hops.values) == {1, 2, 12}
    hear(network, eth0(flags=0x1003))
    assert not network.next_hops.values
    assert destinations(network) == {"21.0.0.0/24"}


def test_a_next_hop_object_leaves_its_groups():
    network = network_of(eth0(), bytes.fromhex(GATEWAY_4), bytes.fromhex(WEIGHTED))
    gone = bytes.fromhex(GATEWAY_4)
    hear(network, gone[:4] + bytes([105]) + gone[5:])
    assert [member.id for member in network.next_hops.values[12].group] == [2]


def test_of_several_routes_at_a_prefix_those_stay_that_nothing_happened_to():
    network = network_of(eth0(), recorded.link("eth1", 4), route("20.0.0.0"))
    hear(network, route("20.0.0.0", ["RTA_PRIORITY", 5], links=(4,)))
    hear(network, eth0(flags=0x1002))
    (left,) = network.routes[Prefix(4, 254, 0x14000000, 24)].routes
    assert left.metric == 5


def test_a_search_in_many_slices_ends_before_the_next_announcement_is_applied():
    network = network_of(eth0())
    hear(network, *(route(f"20.{i >> 8}.{i & 255}.0") for i in range(10_000)))
    down, again = eth0(flags=0x1002), route("20.0.0.0")
    for octets in (down, eth0(), again):
        (message,) = messages(octets)
        network.apply(octets, message)
        assert bool(network.chores) == (octets is down)
    assert destinations(network) == {"20.0.0.0/24"}
