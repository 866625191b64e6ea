"""Announcements applied to the routes at one prefix, as Linux applies what it announces."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.control.netlink.message import APPEND, CREATE, REPLACE
from bise.control.objects import Path, Route, RouteKind
from bise.control.route_order import is_mixed, with_route, without_route


def route_4(host: int, metric: int = 0, tos: int = 0) -> Route:
    return Route(RouteKind.UNICAST, (Path(3, host, 4),), metric=metric, tos=tos)


def route_6(*hosts: int, metric: int = 1024) -> Route:
    return Route(RouteKind.UNICAST, tuple(Path(3, host, 6) for host in hosts), metric=metric)


def device_6(link: int, metric: int = 1024) -> Route:
    return Route(RouteKind.UNICAST, (Path(link),), metric=metric)


A, B, C = (route_4(host) for host in (1, 2, 3))


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (CREATE, (C, A, B)),
        (CREATE | APPEND, (A, B, C)),
        (CREATE | REPLACE, (C, B)),
    ],
)
def test_ipv4_routes_of_one_metric_keep_the_order_that_the_flags_ask_for(flags, wanted):
    assert with_route(4, (A, B), (C,), flags) == wanted


def test_ipv4_routes_stand_by_tos_and_metric():
    routes = (route_4(1, tos=16), route_4(1, metric=5), route_4(1, metric=9))
    assert with_route(4, routes, (A,), CREATE) == (routes[0], A, *routes[1:])
    assert with_route(4, routes, (route_4(7, metric=7),), CREATE | REPLACE) == (
        *routes[:2],
        route_4(7, metric=7),
        routes[2],
    )
    assert with_route(4, routes, (route_4(2, metric=9),), CREATE | APPEND) == (*routes, route_4(2, metric=9))


def test_the_first_route_is_the_shared_tuple_itself():
    one = (A,)
    assert with_route(4, (), one, CREATE) is one


def test_a_deletion_takes_exactly_its_route():
    assert without_route(4, (A, B), A) == (B,)
    assert without_route(4, (A,), B) == (A,)
    assert without_route(4, (A,), A) == ()


def test_ipv6_gateways_of_one_metric_are_one_route():
    routes = with_route(6, (route_6(1),), (route_6(2, 1),), CREATE | APPEND)
    assert routes == (route_6(1, 2),)
    assert with_route(6, routes, (route_6(3, 1, 2),), CREATE | APPEND) == (route_6(1, 2, 3),)


def test_ipv6_routes_without_gateways_stand_side_by_side():
    routes = with_route(6, (device_6(3), route_6(1)), (device_6(4),), CREATE | APPEND)
    assert routes == (device_6(3), route_6(1), device_6(4))
    assert with_route(6, routes, (device_6(5, metric=5),), CREATE) == (device_6(5, metric=5), *routes)


def test_an_ipv6_replacement_takes_the_first_of_its_sort():
    routes = (device_6(3), route_6(1, 2))
    assert with_route(6, routes, (route_6(7),), CREATE | REPLACE) == (device_6(3), route_6(7))
    assert with_route(6, routes, (device_6(9),), CREATE | REPLACE) == (device_6(9), route_6(1, 2))
    assert with_route(6, (device_6(3),), (route_6(7),), CREATE | REPLACE) == (route_6(7),)


def test_an_ipv6_deletion_takes_the_paths_that_it_names():
    assert without_route(6, (route_6(1, 2, 3),), route_6(2)) == (route_6(1, 3),)
    assert without_route(6, (route_6(1, 2),), route_6(2, 1)) == ()
    weighted = replace(route_6(1), paths=(Path(3, 1, 6, weight=7), Path(3, 2, 6, weight=9)))
    assert without_route(6, (weighted,), route_6(2)) == (route_6(1),)


def test_a_route_learned_from_an_advertisement_joins_no_other():
    advertised = replace(route_6(1), protocol=9)
    assert with_route(6, (advertised,), (route_6(2),), CREATE) == (advertised, route_6(2))


def test_a_route_that_joins_one_with_another_mtu_is_noticed():
    other = replace(route_6(2, 1), mtu=1400)
    routes = with_route(6, (route_6(1),), (other,), CREATE | APPEND)
    assert routes == (route_6(1, 2),)
    assert is_mixed(routes, other)
    assert not is_mixed(routes, route_6(1, 2))


some_4 = st.builds(route_4, st.integers(1, 4), st.sampled_from([0, 5]), st.sampled_from([0, 16]))
some_6 = st.one_of(
    st.builds(device_6, st.integers(3, 5), st.sampled_from([5, 1024])),
    st.builds(lambda host, metric: route_6(host, metric=metric), st.integers(1, 4), st.sampled_from([5, 1024])),
)
events_4 = st.lists(st.tuples(some_4, st.sampled_from([None, CREATE, CREATE | APPEND, CREATE | REPLACE])), max_size=12)
events_6 = st.lists(st.tuples(some_6, st.sampled_from([None, CREATE | REPLACE])), max_size=12)


def applied(family, routes, events):
    for route, flags in events:
        routes = without_route(family, routes, route) if flags is None else with_route(family, routes, (route,), flags)
    return routes


@given(st.one_of(st.tuples(st.just(4), events_4), st.tuples(st.just(6), events_6)))
def test_routes_stay_in_order_and_apart(case):
    family, events = case
    routes = applied(family, (), events)
    assert list(routes) == sorted(routes, key=lambda route: (-route.tos, route.metric))
    assert len(set(routes)) == len(routes)


@given(some_4, st.sampled_from([CREATE, CREATE | APPEND, CREATE | REPLACE]), events_4)
def test_the_same_announcement_twice_is_one(route, flags, events):
    routes = with_route(4, applied(4, (), events), (route,), flags)
    assert with_route(4, routes, (route,), flags) == routes
