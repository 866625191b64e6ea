"""BIRD finds its neighbours across accelerated interfaces, and Bise forwards by what it learns.

The client offers networks by OSPF, the server by BGP, and the router in the middle speaks both.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bise.bench.namespaces import Namespace
from tests.product.bird import PROGRAM, Bird
from tests.product.router import Router, ping, reaches, wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Path(PROGRAM).exists(), reason="the package bird2 is not installed"),
]

FAMILIES = pytest.mark.parametrize("family", [4, 6])
ADDRESSES = {
    "c": {4: "10.51.0.1", 6: "2001:db8:51::1"},
    "s": {4: "10.52.0.1", 6: "2001:db8:52::1"},
}
NETWORKS = {
    "c": {4: "10.51.0.0/24", 6: "2001:db8:51::/64"},
    "s": {4: "10.52.0.0/24", 6: "2001:db8:52::/64"},
}
PATIENCE_S = 30.0

COMMON = """
log stderr all;
router id {id};
protocol device {{ }}
protocol kernel {{ ipv4 {{ import none; export where source ~ [RTS_OSPF, RTS_OSPF_EXT2, RTS_BGP]; }}; }}
protocol kernel {{ ipv6 {{ import none; export where source ~ [RTS_OSPF, RTS_OSPF_EXT2, RTS_BGP]; }}; }}
"""
OSPF = """
protocol ospf v2 {{
    ipv4 {{ import all; export where source ~ [RTS_BGP, RTS_STATIC]; }};
    area 0 {{ interface "{interface}" {{ type ptp; hello 1; dead 4; }}; }};
}}
protocol ospf v3 {{
    ipv6 {{ import all; export where source ~ [RTS_BGP, RTS_STATIC]; }};
    area 0 {{ interface "{interface}" {{ type ptp; hello 1; dead 4; }}; }};
}}
"""
OFFERS = """
protocol static {{ ipv4; route 10.{own}.0.0/24 blackhole; }}
protocol static {{ ipv6; route 2001:db8:{own}::/64 blackhole; }}
"""
BGP = """
template bgp peer {{
    local as {here};
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv4 {{ import all; export all; next hop self; }};
    ipv6 {{ import all; export all; next hop self; }};
}}
protocol bgp bgp4 from peer {{ neighbor {peer4} as {there}; ipv6 {{ import none; export none; }}; }}
protocol bgp bgp6 from peer {{ neighbor {peer6} as {there}; ipv4 {{ import none; export none; }}; }}
"""


def configurations(router: Router) -> dict[str, str]:
    client, server = router.port("c"), router.port("s")
    to_server = {"peer4": server.host4, "peer6": server.host6, "here": 65001, "there": 65002}
    to_router = {"peer4": server.router4, "peer6": server.router6, "here": 65002, "there": 65001}
    return {
        "c": (COMMON + OFFERS + OSPF).format(id=client.host4, own=51, interface=client.far),
        "r": (COMMON + OSPF + BGP).format(id=client.router4, interface=client.name, **to_server),
        "s": (COMMON + OFFERS + BGP).format(id=server.host4, own=52, **to_router),
    }


@pytest.fixture(scope="module")
def birds(router: Router, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Bird]]:
    folder = tmp_path_factory.mktemp("bird")
    places = {"c": router.host("c"), "r": router.namespace, "s": router.host("s")}
    offered = [(places[name], address) for name, both in ADDRESSES.items() for address in both.values()]
    for place, address in offered:
        place.ip(f"address add {address} dev lo")
    with ExitStack() as stack:
        texts = configurations(router)
        yield {name: stack.enter_context(Bird(place, folder, texts[name])) for name, place in places.items()}
    for place, address in offered:
        place.ip(f"address del {address} dev lo")


def learnt(host: Namespace, network: str) -> bool:
    return network in host.run_line("ip route show proto bird") + host.run_line("ip -6 route show proto bird")


@pytest.mark.parametrize("protocol", ["ospf1", "ospf2"])
def test_ospf_finds_its_neighbour(router: Router, birds: dict[str, Bird], protocol: str) -> None:
    def neighbours() -> str:
        return birds["r"].says(f"show ospf neighbors {protocol}")

    wait_until("they are adjacent", lambda: "Full/" in neighbours(), PATIENCE_S)
    assert router.port("c").host4 in neighbours()  # as a router's number


@FAMILIES
def test_bgp_finds_its_neighbour(router: Router, birds: dict[str, Bird], family: int) -> None:
    def session() -> str:
        return birds["r"].says(f"show protocols all bgp{family}")

    wait_until("it is up", lambda: "Established" in session(), PATIENCE_S)
    peer = router.port("s")
    assert re.search(rf"Neighbor address: {peer.host4 if family == 4 else peer.host6}\s", session())


@FAMILIES
def test_what_they_learn_is_forwarded_natively(router: Router, birds: dict[str, Bird], family: int) -> None:
    client, server = router.host("c"), router.host("s")
    behind_client, behind_server = NETWORKS["c"][family], NETWORKS["s"][family]
    for host, network in (
        (router.namespace, behind_client),
        (router.namespace, behind_server),
        (client, behind_server),
        (server, behind_client),
    ):
        wait_until(f"{host.role} has learnt {network}", lambda: learnt(host, network), PATIENCE_S)  # noqa: B023
    states = {route["destination"]: route["state"] for route in router.bise.ask("routes")["routes"]}
    assert states[behind_client] == states[behind_server] == "native"
    with router.natively("s", 50), router.natively("c", 50):
        assert ping(client, ADDRESSES["s"][family], 50, f"-I {ADDRESSES['c'][family]}") == 50


@FAMILIES
def test_what_they_withdraw_is_forwarded_no_more(router: Router, birds: dict[str, Bird], family: int) -> None:
    network, target = NETWORKS["s"][family], ADDRESSES["s"][family]
    wait_until("it is reached", lambda: reaches(router.host("c"), target), PATIENCE_S)
    birds["s"].says(f"disable bgp{family}")
    wait_until("the route is gone", lambda: not learnt(router.namespace, network), PATIENCE_S)
    wait_until("Bise has it no more", lambda: network not in str(router.bise.ask("routes")))
    assert not reaches(router.host("c"), target)
