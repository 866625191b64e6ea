"""Interfaces that change, vanish and come back while Bise runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bise.bench.namespaces import veth
from bise.errors import BiseError
from tests.namespaces import Topology
from tests.product.conftest import PORTS
from tests.product.foreign import program
from tests.product.router import Router, ping, reaches, routed, wait_until

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def changing() -> Iterator[Router]:
    """A router of this file's own."""
    with Topology(PORTS, hosts="answering") as topology, routed(topology) as router:
        topology.router.sysctl({f"net/ipv6/conf/{port.name}/keep_addr_on_down": 1 for port in PORTS})
        yield router


def forwards_natively(router: Router, name: str) -> bool:
    """Whether packets from the client's host to this one's, and their answers, go past the kernel."""
    port, before = router.port(name), router.sent(name) + router.sent("c")
    for target in (port.host4, port.host6):
        try:
            ping(router.host("c"), target, 5)
        except BiseError:
            return False
    return router.sent(name) + router.sent("c") - before >= 18


def test_a_link_that_goes_down_and_comes_up(changing: Router) -> None:
    changing.namespace.ip("link set s down")
    wait_until("its state is down", lambda: changing.state("s")["state"] == "down")
    assert not reaches(changing.host("c"), changing.port("s").host4)
    assert forwards_natively(changing, "t")
    changing.namespace.ip("link set s up")
    wait_until("its packets go past the kernel again", lambda: forwards_natively(changing, "s"))
    assert changing.state("s")["state"] == "up"


@pytest.mark.parametrize(("mtu", "family"), [(1300, 4), (1300, 6)])
def test_a_new_mtu_holds_at_once(changing: Router, mtu: int, family: int) -> None:
    port, host, headers = changing.port("s"), changing.host("c"), {4: 28, 6: 48}[family]
    target = port.host4 if family == 4 else port.host6
    changing.namespace.ip(f"link set s mtu {mtu}")
    changing.host("s").ip(f"link set s0 mtu {mtu}")
    try:
        wait_until("Bise has seen it", lambda: changing.counters("s")["mtu"] == mtu)
        with pytest.raises(BiseError):
            ping(host, target, 2, f"-M do -s {mtu + 1 - headers}")
        assert f"mtu {mtu}" in host.run_line(f"ip route get {target}")
        with changing.natively("s", 10):
            assert ping(host, target, 10, f"-M do -s {mtu - headers}") == 10
    finally:
        changing.namespace.ip("link set s mtu 1500")
        changing.host("s").ip("link set s0 mtu 1500")
        host.run_line("ip route flush cache")
        host.run_line("ip -6 route flush cache")
    wait_until("Bise has seen that it is the old one", lambda: changing.counters("s")["mtu"] == 1500)
    with changing.natively("s", 10):
        assert ping(host, target, 10, f"-M do -s {1500 - headers}") == 10


def test_another_mac_of_a_port(changing: Router) -> None:
    changing.namespace.ip("link set s address 02:00:00:00:02:77")
    changing.host("s").run_line("ip neighbour flush dev s0")
    wait_until("packets to and from it go past the kernel", lambda: forwards_natively(changing, "s"))
    assert changing.counters("s")["mac"] == "02:00:00:00:02:77"
    assert "02:00:00:00:02:77" in changing.host("s").run_line("ip neighbour show")


def test_a_host_with_another_mac(changing: Router) -> None:
    host = changing.host("s")
    host.sysctl({"net/ipv4/conf/s0/arp_notify": 1, "net/ipv6/conf/s0/ndisc_notify": 1})  # it says so
    host.ip("link set s0 address 02:00:00:00:02:78")
    host.ip(f"route replace default via {changing.port('s').router4}")
    host.ip(f"route replace ::/0 via {changing.port('s').router6}")
    wait_until("packets to and from it go past the kernel", lambda: forwards_natively(changing, "s"))
    macs = {one["address"]: one["mac"] for one in changing.bise.ask("neighbours")}
    port = changing.port("s")
    assert macs[port.host4] == macs[port.host6] == "02:00:00:00:02:78"


def configure(router: Router, name: str) -> None:
    """What a port loses when its interface goes."""
    port = router.port(name)
    router.namespace.ip(
        f"address replace {port.router4}/24 dev {name}",
        f"address replace {port.router6}/64 dev {name} nodad",
        f"link set dev {name} up",
    )


def goes_on(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether what was counted before an interface went is counted still."""
    return all(after[count] > before[count] > 0 for count in ("received", "transmitted"))


@pytest.mark.parametrize("at_once", [False, True])
def test_an_interface_that_is_deleted_and_made_again(changing: Router, at_once: bool) -> None:
    port, host, before = changing.port("t"), changing.host("t"), changing.counters("t")
    changing.namespace.ip("link del dev t")
    if not at_once:
        wait_until("it is gone", lambda: changing.state("t")["state"] == "gone")
        assert forwards_natively(changing, "s")
    veth(host, port.far, changing.namespace, "t", mtu=1400)
    configure(changing, "t")
    host.ip(
        "link set dev t0 up",
        f"address add {port.host4}/24 dev t0",
        f"address add {port.host6}/64 dev t0 nodad",
        f"route add default via {port.router4}",
        f"route add ::/0 via {port.router6}",
    )
    wait_until("its packets go past the kernel again", lambda: forwards_natively(changing, "t"))
    assert forwards_natively(changing, "s")
    assert goes_on(before, changing.counters("t"))


def test_an_interface_that_moves_away_and_back(changing: Router) -> None:
    elsewhere, before = changing.host("t"), changing.counters("t")
    changing.namespace.ip(f"link set dev t netns {elsewhere.name} name away")
    wait_until("it is gone", lambda: changing.state("t")["state"] == "gone")
    wait_until("it is free", lambda: "xdp" not in elsewhere.run_line("ip link show away"))
    elsewhere.ip(f"link set dev away netns {changing.namespace.name} name t")
    configure(changing, "t")
    wait_until("its packets go past the kernel again", lambda: forwards_natively(changing, "t"))
    assert goes_on(before, changing.counters("t"))


def test_an_interface_under_another_name_is_the_kernels(changing: Router) -> None:
    changing.namespace.ip("link set dev t down", "link set dev t name other")
    changing.namespace.ip("link set dev other up")
    wait_until("a gate says so", lambda: changing.state("t")["gate"] is not None)
    before = changing.sent("t")
    wait_until("the kernel forwards", lambda: reaches(changing.host("c"), changing.port("t").host4))
    assert changing.sent("t") == before
    changing.namespace.ip("link set dev other down", "link set dev other name t")
    configure(changing, "t")
    wait_until("its packets go past the kernel again", lambda: forwards_natively(changing, "t"))


def test_one_that_cannot_be_opened_when_it_comes_is_opened_later(changing: Router, tmp_path: Path) -> None:
    changing.namespace.ip("link set dev t down", f"link set dev t netns {changing.host('t').name} name away")
    wait_until("it is gone", lambda: changing.state("t")["state"] == "gone")
    changing.host("t").ip(f"link set dev away xdpdrv obj {program(tmp_path)} sec xdp")
    changing.host("t").ip(f"link set dev away netns {changing.namespace.name} name t")
    configure(changing, "t")
    wait_until("it says why it can't", lambda: "it has an XDP program" in changing.bise.log())
    assert reaches(changing.host("c"), changing.port("t").host4)
    changing.namespace.ip("link set dev t xdpdrv off")
    wait_until("its packets go past the kernel again", lambda: forwards_natively(changing, "t"))
