"""A state as a file says all that it was made of, and a file that is none is refused with the place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.control.codec import decoded, encoded
from bise.control.gates.settings import Multipath, PortSettings, Settings
from bise.control.objects import (
    Address,
    AddressFlag,
    Destination,
    GroupMember,
    InterfaceSettings,
    Link,
    LinkLayer,
    Neighbour,
    NeighbourState,
    NextHopObject,
    Prefix,
    Resilience,
    Route,
    RouteKind,
    Rule,
    RuleAction,
)
from bise.control.objects import (
    Path as Way,
)
from bise.features.feature import PortFacts
from bise.offline.state import State, StateError, UsersFile, as_json, from_json, read
from tests.offline.worlds import state

NODES = (UsersFile("mine", "/etc/bise/mine.py", "0" * 16, "1" * 64, {"Seen": {"mac": 5, "packets": -1}}),)
families = st.sampled_from([4, 6])
small = st.integers(0, 2**32 - 1)
words = st.text(max_size=8)


def addresses(family: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2 ** (32 if family == 4 else 128) - 1)


@st.composite
def ways(draw: st.DrawFn, family: int) -> Way:
    via_family = draw(st.sampled_from([0, family, 6]))
    via = draw(addresses(via_family)) if via_family else None
    return Way(draw(small), via, via_family, draw(st.integers(1, 256)), draw(st.booleans()), draw(st.none() | small))


@st.composite
def routes(draw: st.DrawFn, family: int) -> Route:
    return Route(
        draw(st.sampled_from(RouteKind)),
        tuple(draw(st.lists(ways(family), max_size=3))),
        draw(small),
        mtu_locked=draw(st.booleans()),
        preferred_source=draw(addresses(family)),
        source=draw(addresses(family)),
        metrics=tuple(draw(st.lists(st.tuples(small, small), max_size=2))),
    )


@st.composite
def destinations(draw: st.DrawFn) -> Destination:
    family = draw(families)
    bits = 32 if family == 4 else 128
    length = draw(st.integers(0, bits))
    address = draw(addresses(family)) >> (bits - length) << (bits - length)
    found = draw(st.lists(routes(family), min_size=1, max_size=3))
    return Destination(Prefix(family, draw(st.sampled_from([254, 255, 7])), address, length), tuple(found))


macs = st.none() | st.integers(0, 2**48 - 1)
links = st.builds(
    Link,
    index=small,
    name=words,
    kind=st.sampled_from(LinkLayer),
    link_kind=words,
    mac=macs,
    mtu=small,
    flags=small,
    up=st.booleans(),
    running=st.booleans(),
    parent_namespace=st.none() | small,
    vlan_id=st.none() | small,
)
neighbours = families.flatmap(
    lambda family: st.builds(
        Neighbour, small, st.just(family), addresses(family), macs, st.sampled_from(NeighbourState), small
    )
)
owned = families.flatmap(
    lambda family: st.builds(
        Address,
        small,
        st.just(family),
        addresses(family),
        st.integers(0, 128),
        addresses(family),
        st.none() | addresses(family),
        small,
        st.integers(0, 0xFFF).map(AddressFlag),
    )
)
others = st.sampled_from(
    [
        NextHopObject(7, 6, Way(3, 5, 6)),
        NextHopObject(8, 0, group=(GroupMember(7, 2), GroupMember(9, 1)), resilience=Resilience(4, 5, 6)),
        Rule(4, 100, RuleAction.TO_TABLE, 7, (("from", "10.0.0.0/8"), ("iif", "eth0"))),
        InterfaceSettings(4, -1, rp_filter=2, ignore_routes_with_linkdown=True),
    ]
)
facts = st.builds(
    PortFacts, small, words, small, st.integers(0, 2**48 - 1), small, small, st.booleans(), st.just(frozenset({4}))
)
settings_ = st.builds(
    Settings,
    ports=st.dictionaries(words, st.builds(PortSettings, rp_filter=small)),
    multipath6=st.builds(Multipath, small, small, small, st.booleans()),
    ignore_linkdown4=st.frozensets(words),
)


@given(
    st.lists(links | neighbours | owned | destinations() | others, max_size=6), settings_, st.lists(facts, max_size=2)
)
def test_a_state_comes_back_from_its_file(objects: list[Any], settings: Settings, ports: list[PortFacts]) -> None:
    lists = as_json(
        State(
            (), settings, tuple(objects), {"drawn": 5}, frozenset({3}), ({"name": "gate"},), False, False, nodes=NODES
        )
    )
    found = from_json(json.loads(json.dumps(lists)))
    assert found.nodes == NODES
    assert sorted(map(repr, found.objects)) == sorted(map(repr, objects))
    assert (found.settings, found.drawn, found.bare, found.clean) == (settings, {"drawn": 5}, {3}, False)
    assert [decoded(PortFacts, json.loads(json.dumps(encoded(one))), "port") for one in ports] == ports


def test_addresses_and_macs_are_as_people_write_them() -> None:
    told = as_json(state())
    assert told["ports"][0]["mac"] == "02:00:00:00:00:0b"
    assert {one["address"] for one in told["neighbours"]} >= {"10.0.0.2", "2001:db8::2"}
    assert ["20.0.0.0/16", 254] in [line[:2] for line in told["routes"]]
    assert {"kind": "unicast", "paths": [{"link": 11, "via": "10.0.0.2", "via_family": 4}]} in told["ways"]


def test_routes_through_one_neighbour_share_a_way() -> None:
    route = Route(RouteKind.UNICAST, (Way(3, 0x0A000002, 4),))
    many = tuple(Destination(Prefix(4, 254, number << 8, 24), (route,)) for number in range(5000))
    told = as_json(State(objects=many))
    assert len(told["ways"]) == 1
    assert len(json.dumps(told)) < 5000 * 40


WRONG: list[tuple[Any, str]] = [
    ([], "is no state of Bise"),
    ({"format": "bise-state", "version": 99}, "has version 99, this Bise reads 1"),
    ({"format": "bise-state", "version": 1}, "has no ports"),
    ({"ports": [{"number": 0}]}, r"ports\[0\]: no name"),
    ({"ports": {}}, "ports: a list expected"),
    ({"links": [{"index": "3"}]}, r"links\[0\]: no name"),
    ({"neighbours": [{"colour": 1}]}, r"neighbours\[0\]: no key 'colour'; there are link"),
    ({"routes": [["10.0.0.0/8", 254, [4711]]]}, r"routes\[0\]: .* is no \[prefix"),
    ({"routes": [["10.0.0.1/8", 254, [0]]]}, r"routes\[0\]: "),
    ({"routes": 5}, "routes: a list expected, not 5"),
    ({"links": None}, "links: a list expected"),
    ({"gates": 5}, "gates: a list expected"),
    ({"neighbours": [{"link": 1, "family": 4, "address": -1}]}, r"neighbours\[0\]"),
    ({"settings": {"use_pmtu": 3}}, "settings.use_pmtu: bool expected, not 3"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_is_no_state_is_refused_with_the_place(tmp_path: Path, change: Any, words: str) -> None:
    whole = isinstance(change, list) or "format" in change
    (tmp_path / "state").write_text(json.dumps(change if whole else {**as_json(state()), **change}))
    with pytest.raises(StateError, match=words) as told:
        read(tmp_path / "state")
    assert str(tmp_path / "state") in str(told.value)


def test_a_file_without_end_of_brackets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("[" * 200_000)
    with pytest.raises(StateError, match="is no JSON: maximum recursion depth"):
        read(tmp_path / "state")


@pytest.mark.parametrize(("key", "value"), [("mac", -1), ("mac", 1 << 48), ("mac", "-1"), ("address", 1 << 200)])
def test_a_number_that_is_no_address_is_named(tmp_path: Path, key: str, value: object) -> None:
    told = as_json(state())
    told["neighbours"][2][key] = value
    (tmp_path / "state").write_text(json.dumps(told))
    with pytest.raises(StateError, match=rf"neighbours\[2\].{key}: {value!r} is no "):
        read(tmp_path / "state")


def test_a_wrong_address_is_named(tmp_path: Path) -> None:
    told = as_json(state())
    told["neighbours"][2]["mac"] = "02:zz"
    (tmp_path / "state").write_text(json.dumps(told))
    with pytest.raises(StateError, match=r"neighbours\[2\].mac: '02:zz' is no MAC"):
        read(tmp_path / "state")
