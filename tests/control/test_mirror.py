"""The mirror in a namespace of its own: what it says, how it follows, how it recovers."""

import asyncio
import ipaddress
import json
import socket
from dataclasses import replace

import pytest

from bise.control.changes import Added, Changed, Removed, Single
from bise.control.mirror import Mirror
from bise.control.netlink.kinds import Kind
from bise.control.objects import (
    ALL_LINKS,
    Destination,
    Link,
    NeighbourKey,
    NeighbourState,
    Path,
    Prefix,
    RouteKind,
    SettingsKey,
)
from tests.control.mirrors import differences, each, mirror_in, wired

pytestmark = pytest.mark.root

MAIN = 254


@pytest.fixture(scope="module")
def namespace():
    with wired("mirror") as one:
        yield one


@pytest.fixture
def fresh(request):
    with wired(request.node.name[:32]) as one:
        yield one


def number(text: str) -> int:
    return int(ipaddress.ip_address(text))


def prefix(text: str, table: int = MAIN) -> Prefix:
    network = ipaddress.ip_network(text)
    return Prefix(network.version, table, int(network.network_address), network.prefixlen)


def index_of(mirror: Mirror, name: str) -> int:
    return next(link.index for link in mirror.links.values() if link.name == name)


ROUTES = (
    "route add 20.1.0.0/16 via 10.0.1.2 dev left metric 7 mtu 1400",
    "route add 20.2.0.0/16 nexthop via 10.0.1.2 dev left weight 3 nexthop via 10.0.2.2 dev right weight 1",
    "route add 20.3.0.0/16 via 172.16.0.1 dev right onlink",
    "route add 20.4.0.0/16 via inet6 fe80::9 dev left",
    "route add blackhole 20.5.0.0/16",
    "route add unreachable 20.6.0.0/16",
    "route add prohibit 20.7.0.0/16",
    "route add throw 20.8.0.0/16",
    "route add 20.9.0.0/16 dev right table 1000",
    "route add default via 10.0.1.9 proto bird",
    "route add 2001:db8:20::/48 nexthop via 2001:db8:1::2 weight 2 nexthop via 2001:db8:2::2 weight 5",
    "route add blackhole 2001:db8:21::/48 metric 5",
)


def test_the_routes_are_those_that_ip_prints(fresh):
    fresh.ip(*ROUTES)
    mirror = mirror_in(fresh)
    names = {link.index: link.name for link in mirror.links.values()}
    ours = {
        (one.prefix.family, one.prefix.table, str(one.prefix), route.metric, route.kind.name.lower(), route.mtu): {
            (names[path.link], path.via, path.weight) for path in route.paths
        }
        for one in mirror.routes.values()
        for route in one.routes
        if route.kind is not RouteKind.MULTICAST and one.prefix.table != 255
    }
    assert ours == _printed(fresh, 4) | _printed(fresh, 6)


def _printed(namespace, family: int) -> dict[tuple[object, ...], set[tuple[object, ...]]]:
    words = ("ip", "-j", "-N", f"-{family}", "route", "show", "table", "all")
    return {
        (
            family,
            int(route.get("table", MAIN)),
            str(ipaddress.ip_network({"default": ("0.0.0.0/0", "::/0")[family == 6]}.get(route["dst"], route["dst"]))),
            route.get("metric", 0),
            RouteKind(int(route.get("type", 1))).name.lower(),
            _metric(route, "mtu"),
        ): {
            (hop["dev"], _gateway(hop), hop.get("weight", 1))
            for hop in route.get("nexthops", [route])
            if int(route.get("type", 1)) in (1, 2)
        }
        for route in json.loads(namespace.run(*words))
        if route.get("table") != "255" and int(route.get("type", 1)) != 5
    }


def _metric(route, name: str) -> int:
    return next((one[name] for one in route.get("metrics", ()) if name in one), 0)


def _gateway(hop) -> int | None:
    text = hop.get("gateway") or hop.get("via", {}).get("host")
    return number(text) if text else None


def test_links_and_addresses_are_there(namespace):
    mirror = mirror_in(namespace)
    left = mirror.links[index_of(mirror, "left")]
    assert (left.link_kind, left.mtu, left.up, left.running) == ("veth", 1500, True, True)
    assert {one.address for one in mirror.addresses.values() if one.link == left.index} >= {
        number("10.0.1.1"),
        number("2001:db8:1::1"),
    }
    assert all(rule.is_default for rule in mirror.rules)


def test_a_group_of_next_hop_objects_is_followed_to_its_paths(fresh):
    mirror = mirror_in(fresh)
    fresh.ip(
        "nexthop add id 1 via 10.0.1.2 dev left",
        "nexthop add id 2 via 10.0.2.2 dev right",
        "nexthop add id 10 group 1,3/2,1",
        "route add 20.0.0.0/8 nhid 10",
    )
    mirror.catch_up()
    route = mirror.routes[prefix("20.0.0.0/8")].routes[0]
    assert [(path.via, path.weight) for path in mirror.paths(route)] == [
        (number("10.0.1.2"), 3),
        (number("10.0.2.2"), 1),
    ]
    fresh.ip("nexthop delete id 2")
    mirror.catch_up()
    assert [path.via for path in mirror.paths(route)] == [number("10.0.1.2")]
    fresh.ip("link set left down")
    mirror.catch_up()
    assert prefix("20.0.0.0/8") not in mirror.routes
    assert not differences(mirror, fresh)


def test_changes_are_told_from_what_was_to_what_is(fresh):
    mirror = mirror_in(fresh)
    told = []
    mirror.subscribe(told.extend)
    fresh.ip("route add 20.0.0.0/8 via 10.0.1.2", "route replace 20.0.0.0/8 via 10.0.1.3")
    mirror.catch_up()
    (added,) = each(told)
    assert isinstance(added, Added)
    assert added.new.routes[0].paths[0].via == number("10.0.1.3")
    told.clear()
    fresh.ip("route replace 20.0.0.0/8 via 10.0.1.4", "link set left mtu 1400")
    mirror.catch_up()
    link, route = each(told)
    assert isinstance(link, Changed)
    assert (link.old.mtu, link.new.mtu) == (1500, 1400)
    assert isinstance(route, Changed)
    assert route.old == added.new
    told.clear()
    fresh.ip("route delete 20.0.0.0/8")
    mirror.catch_up()
    assert each(told) == [Removed(route.new)]


def test_a_link_made_again_has_another_index_and_its_routes_are_gone(fresh):
    fresh.ip(*ROUTES)
    mirror = mirror_in(fresh)
    before = index_of(mirror, "left")
    fresh.ip("link delete left", "link add name left type veth peer name left0", "link set left up")
    mirror.catch_up()
    assert before not in mirror.links
    assert index_of(mirror, "left") != before
    assert not any(before in route.links for one in mirror.routes.values() for route in one.routes)
    assert not differences(mirror, fresh)


def test_a_path_is_usable_as_its_link_is(fresh):
    mirror = mirror_in(fresh)
    path = Path(index_of(mirror, "left"))
    assert mirror.usable(path, 4)
    fresh.ip("link set left0 down")
    _follow_until(mirror, lambda: not mirror.links[path.link].running)
    assert mirror.usable(path, 4)
    fresh.sysctl({"net/ipv4/conf/left/ignore_routes_with_linkdown": 1})
    mirror.catch_up()
    assert not mirror.usable(path, 4)
    assert mirror.usable(path, 6)


def test_forwarding_and_rp_filter_are_followed(fresh):
    mirror = mirror_in(fresh)
    left = index_of(mirror, "left")
    fresh.sysctl({"net/ipv4/ip_forward": 1, "net/ipv4/conf/left/rp_filter": 2, "net/ipv6/conf/all/forwarding": 1})
    mirror.catch_up()
    assert mirror.settings[SettingsKey(4, left)].forwarding
    assert mirror.settings[SettingsKey(4, left)].rp_filter == 2
    assert mirror.settings[SettingsKey(6, ALL_LINKS)].forwarding
    assert not differences(mirror, fresh)


def test_linux_is_asked_for_its_route(fresh):
    fresh.ip(*ROUTES)
    mirror = mirror_in(fresh)
    answer = mirror.ask_route(4, number("20.1.2.3"))
    assert answer.prefix == prefix("20.1.0.0/16")
    assert answer.route is mirror.routes[answer.prefix].routes[0]
    assert mirror.ask_route(6, number("2001:db8:20::5")).prefix == prefix("2001:db8:20::/48")
    received = mirror.ask_route(4, number("20.2.0.1"), source=number("10.0.2.7"), in_link=index_of(mirror, "right"))
    assert received.error != 0  # forwarding is off here


def test_neighbours_that_are_used_are_probed_by_linux_and_permanent_ones_left_alone(fresh):
    fresh.ip(
        "neighbour add 10.0.1.2 dev left lladdr 02:00:00:00:00:02 nud stale",
        "neighbour add 10.0.1.3 dev left lladdr 02:00:00:00:00:03 nud permanent",
    )
    mirror = mirror_in(fresh)
    left = index_of(mirror, "left")
    stale, permanent = (NeighbourKey(left, 4, number(f"10.0.1.{host}")) for host in (2, 3))
    gone = NeighbourKey(left, 4, number("10.0.1.200"))
    mirror.use_neighbours([stale, permanent, gone])
    asked = mirror_in(fresh).neighbours
    assert asked[stale].state is NeighbourState.DELAY
    assert asked[permanent].state is NeighbourState.PERMANENT
    assert gone not in asked
    assert mirror.counts.neighbours_used == 1


def test_an_overflow_is_noticed_and_made_good(fresh):
    mirror = mirror_in(fresh, receive_buffer=8192)
    states = []
    mirror.watch_clean(states.append)
    fresh.ip(*(f"route add 20.{i // 256}.{i % 256}.0/24 via 10.0.1.2" for i in range(2000)))
    mirror.catch_up()
    assert mirror.counts.overflows > 0
    assert states == [False]
    mirror.load()
    assert states == [False, True]
    assert not differences(mirror, fresh)


def test_a_message_that_cannot_be_read_makes_the_mirror_read_again(fresh):
    mirror = mirror_in(fresh)
    with fresh.inside(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as other:
        other.bind((0, 0))
        body = bytes([2, 32, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0]) + b"\xff\x00\x01\x00"
        header = (16 + len(body)).to_bytes(4, "little") + bytes([Kind.NEW_ROUTE, 0]) + bytes(10)
        port = _port_of(mirror.fileno())
        other.sendto(header + body, (port, 0))
    mirror.catch_up()
    assert mirror.counts.unreadable == 1
    assert not mirror.clean


def _port_of(descriptor: int) -> int:
    with socket.fromfd(descriptor, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as same:
        return same.getsockname()[0]


def _follow_until(mirror: Mirror, holds) -> None:
    """Let the mirror follow, as in the daemon, until something holds."""

    async def follow() -> None:
        happened = asyncio.Event()
        mirror.subscribe(lambda _: happened.set() if holds() else None)
        mirror.start(asyncio.get_running_loop())
        try:
            while not holds():
                await asyncio.wait_for(happened.wait(), 10)
        finally:
            await mirror.stop()

    asyncio.run(follow())


def test_in_a_loop_it_synchronises_and_then_follows(fresh):
    with fresh.inside():
        mirror = Mirror()
    first, (later,) = asyncio.run(_followed(mirror, fresh, prefix("20.0.0.0/8")))
    assert {type(one) for one in first} == {Added}
    kinds = [type(one.new) for one in first]
    assert kinds.index(Link) < kinds.index(Destination)
    assert later == Added(mirror.routes[prefix("20.0.0.0/8")])


async def _followed(mirror: Mirror, fresh, wanted: Prefix) -> tuple[list[Single], list[Single]]:
    """What it told at first, and of a route to `wanted` that is added then."""
    told: asyncio.Queue[list[object]] = asyncio.Queue()
    mirror.subscribe(told.put_nowait)
    mirror.start(asyncio.get_running_loop())
    await asyncio.wait_for(mirror.synchronised(), 10)
    first, later = each(told.get_nowait()), []
    fresh.ip(f"route add {wanted} via 10.0.1.2")
    while not later:
        changes = each(await asyncio.wait_for(told.get(), 10))
        later = [one for one in changes if getattr(one.new, "prefix", None) == wanted]
    await mirror.stop()
    return first, later


class Pauses(asyncio.SelectorEventLoop):
    """A loop that never runs, and notes how long it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def call_later(self, delay, callback, *args, context=None):
        self.seconds.append(delay)
        return super().call_later(delay, callback, *args, context=context)


def test_a_lone_change_acts_at_once_and_many_are_read_together(fresh):
    mirror, loop = mirror_in(fresh), Pauses()
    told: list[object] = []
    mirror.subscribe(told.extend)
    mirror._loop = loop
    for count in (1, 40):
        fresh.ip(*(f"route add 20.{count}.{number}.0/24 via 10.0.1.2" for number in range(count)))
        mirror._again = None
        loop.add_reader(mirror.fileno(), mirror._readable)
        mirror._readable()
    assert len(each(told)) == 41
    short, long = loop.seconds
    assert short < long <= 0.02  # a fifth of what gates have
    loop.close()


def test_the_audit_finds_and_mends_what_nobody_announced(fresh):
    fresh.ip("route add 20.0.0.0/8 via 10.0.1.2")
    with fresh.inside():
        mirror = Mirror(audit_pause_s=0.0)
    wrong = prefix("30.0.0.0/8")

    async def audited() -> None:
        mirror.start(asyncio.get_running_loop())
        await asyncio.wait_for(mirror.synchronised(), 10)
        mended = asyncio.Event()
        mirror.subscribe(lambda _: mended.set() if wrong not in mirror.routes else None)
        true = mirror.routes[prefix("20.0.0.0/8")]
        held = mirror._network.routes.table((4, MAIN)).values
        held[wrong.number] = true.routes
        del held[true.prefix.number]
        await asyncio.wait_for(mended.wait(), 10)
        await mirror.stop()

    asyncio.run(audited())
    assert mirror.counts.divergences["routes"] == 2
    assert not differences(mirror, fresh)


def test_a_program_that_linux_does_not_announce_is_no_divergence(fresh):
    with fresh.inside():
        mirror = Mirror(audit_pause_s=0.0)

    async def audited() -> None:
        mirror.start(asyncio.get_running_loop())
        await asyncio.wait_for(mirror.synchronised(), 10)
        mended = asyncio.Event()
        mirror.subscribe(lambda _: mended.set() if mirror.links[left].xdp_program == 0 else None)
        left = index_of(mirror, "left")
        mirror._network.links.values[left] = replace(mirror.links[left], xdp_program=7)
        await asyncio.wait_for(mended.wait(), 10)
        await mirror.stop()

    asyncio.run(audited())
    assert mirror.counts.divergences["links"] == 0
    assert not differences(mirror, fresh)


def test_overflows_in_a_loop_end_clean_while_routes_come_and_go(fresh):
    with fresh.inside():
        mirror = Mirror(receive_buffer=8192)

    async def stormed() -> None:
        mirror.start(asyncio.get_running_loop())
        await asyncio.wait_for(mirror.synchronised(), 10)
        for storm in range(3):
            lines = [f"route replace 20.{i // 256}.{i % 256}.0/24 via 10.0.{1 + storm % 2}.2" for i in range(1500)]
            fresh.ip(*lines)
            await asyncio.sleep(0)
        overflown = mirror.counts.overflows
        while mirror._lost or not mirror.clean or not overflown:
            await asyncio.sleep(0.01)
            overflown = mirror.counts.overflows
        await mirror.stop()

    asyncio.run(asyncio.wait_for(stormed(), 60))
    assert mirror.counts.resyncs > 0
    assert not differences(mirror, fresh)
