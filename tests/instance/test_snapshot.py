"""`bise state`, told page by page: one moment whatever comes meanwhile, all of a full table, and no page takes long."""

import json
import time
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest

from bise.cli.state import _print, whole
from bise.control.gates.settings import Settings
from bise.control.objects import Destination, Path, Prefix, Route, RouteKind
from bise.control.route_tables import RouteTables
from bise.errors import BiseError
from bise.instance.gating import Standing
from bise.instance.snapshot import Snapshots
from bise.offline.state import from_json
from tests.features import world

ROUTES = 100_000


def instance(routes: int = 0) -> Any:
    """As much of one as is asked."""
    network: Any = world.network()
    network.rules, network.bare, network.clean = {}, frozenset(), True
    ways = [Route(RouteKind.UNICAST, (Path(11 + number % 6, 0x0A000002 + number, 4),)) for number in range(50)]
    for number in range(routes):
        prefix = Prefix(4, 254, (30 << 24) + (number << 8), 24)
        network.routes[prefix] = Destination(prefix, (ways[number % 50],))
    held = RouteTables()
    for one in network.routes.values():
        held.table((one.prefix.family, one.prefix.table)).put(one.prefix.number, one.routes)
    network.routes = held
    return SimpleNamespace(
        mirror=network,
        facts={port.facts.name: port.facts for port in world.PORTS},
        settings=Settings(multipath4=world.POLICY[4]),
        drawn={"nexthop.secret": 5},
        standing=Standing(),
        wanted=SimpleNamespace(name="it", ports=[]),
        version="0.7",
        user_nodes=SimpleNamespace(told=list),
    )


def pages(snapshots: Snapshots, **arguments: Any) -> Any:
    while True:
        page = json.loads(json.dumps(snapshots.page(arguments)))
        yield page
        if page["next"] is None:
            return
        arguments["after"] = page["next"]


@pytest.mark.slow
def test_a_full_table_comes_whole_and_no_page_holds_up_the_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    of = instance(ROUTES)
    snapshots, found, took, arguments = Snapshots(of), [], [], {}
    while not found or arguments["after"] is not None:
        start = time.process_time()
        found.append(snapshots.page(arguments))
        took.append(time.process_time() - start)
        arguments = {"after": found[-1]["next"]}
    assert sum(took) < 10
    assert median(took) < 0.1
    assert all(sum(map(len, page["lists"].values())) < 3000 for page in found)
    _print(iter(found))
    state = from_json(json.loads(capsys.readouterr().out))
    assert sorted(map(repr, state.network().routes.values())) == sorted(map(repr, of.mirror.routes.values()))
    assert state.ports == tuple(of.facts.values())
    assert (state.drawn, state.settings, state.name) == ({"nexthop.secret": 5}, of.settings, "it")
    assert found[0]["head"]["bise"] == "0.7"  # what runs, not what is installed


def test_what_changes_between_two_pages_is_not_in_it() -> None:
    of = instance(5000)
    before, told = dict(of.mirror.routes), pages(Snapshots(of))
    first = next(told)
    for _, held in of.mirror.routes.tables():
        held.values.clear()
    state = from_json(whole(iter([first, *told])))
    assert state.network().routes.keys() == before.keys()


def test_what_concerns_two_addresses_decides_about_them_as_all_of_it_does() -> None:
    of = instance(2000)
    addresses = ["20.11.2.3", "10.0.0.2", "2001:db8:2b::7"]
    state = from_json(whole(pages(Snapshots(of), addresses=addresses)))
    assert not state.complete
    prefixes = {str(place) for place in state.network().routes}
    assert prefixes == {"20.11.0.0/16", "10.0.0.0/24", "2001:db8:2b::/48"}
    # The gateways of the three routes, and the neighbour that was asked for itself.
    assert {one.mac for one in state.network().neighbours.values()} == {
        0x02_FF_00_00_00_00 | octet for octet in (0x02, 0x12, 0x22)
    }
    assert len(state.network().links) == len(of.mirror.links)


def test_a_moment_that_nobody_asks_on_for_is_forgotten() -> None:
    snapshots = Snapshots(instance(5000))
    first = snapshots.page({})["next"]
    for _ in range(10):
        snapshots.page({})
    with pytest.raises(BiseError, match="ask for it anew"):
        snapshots.page({"after": first})
    assert len(snapshots._moments) <= 4


def test_as_many_as_are_held_are_all_told_to_the_end() -> None:
    of = instance(5000)
    snapshots = Snapshots(of)
    several = [pages(snapshots) for _ in range(4)]
    begun = [[next(one)] for one in several]
    for found, rest in zip(begun, several, strict=True):
        found += rest
        assert len(from_json(whole(iter(found))).network().routes) == len(of.mirror.routes)
    assert not snapshots._moments


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(BiseError, match="'x' is no address"):
        Snapshots(instance()).page({"addresses": ["x"]})
