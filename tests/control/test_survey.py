"""A survey of routes without a kernel: whatever was held, and whatever is dumped, that is held in the end."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bise.control.netlink.dumps import DumpSocket
from bise.control.netlink.kinds import AF_INET, Kind
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import APPEND, CREATE, DONE, DUMP_INTERRUPTED, REPLACE
from bise.control.netlink.routes import RouteDecoder
from bise.control.netlink.rows import rows_of
from bise.control.network import Network
from bise.control.objects import RouteKind
from bise.control.subjects import SUBJECTS, Subject
from bise.control.survey import Survey
from tests.control.netlink import told

ROUTES_4, ROUTES_6 = (one for one in SUBJECTS if one.sort.table == "routes")


class Recorded(DumpSocket):
    """Answers with these datagrams."""

    def __init__(self, datagrams: list[bytes]) -> None:
        self._sequence, self._running, self.interrupted = 0, False, False
        self._datagrams = deque(datagrams)

    def start(self, kind: int, body: bytes) -> None:
        self._sequence, self._running = 1, True

    def receive(self) -> bytes | None:
        return self._datagrams.popleft() if self._datagrams else None


def announce(network: Network, buffer: bytes) -> None:
    network.apply_rows(buffer, rows_of(buffer))


def ipv4(bodies: list[bytes]) -> list[bytes]:
    return [one for one in bodies if one[0] == AF_INET]


def dumped(bodies: list[bytes], size: int, flags: int = 0) -> Recorded:
    """As Linux does: the routes of a table together, those of a prefix one after the other."""
    messages = [told.message(Kind.NEW_ROUTE, flags, one) for one in bodies]
    datagrams = [b"".join(messages[at : at + size]) for at in range(0, len(messages), size)]
    return Recorded([*datagrams, told.message(DONE, flags, bytes(4))])


def surveyed(
    network: Network, reader: RouteReader, socket: Recorded, *meanwhile: bytes, subject: Subject = ROUTES_4
) -> Survey:
    survey = Survey(network, reader, socket, (subject,))
    steps = survey.steps()
    call = next(steps)
    waiting = list(meanwhile)
    while True:
        if waiting:
            buffer = waiting.pop()
            survey.note(buffer, rows_of(buffer))
            announce(network, buffer)
        try:
            call = steps.send(call())
        except StopIteration:
            return survey


def held(bodies: list[bytes], reader: RouteReader | None = None) -> Network:
    network = Network(reader or RouteReader(RouteDecoder()))
    for one in bodies:
        announce(network, told.message(Kind.NEW_ROUTE, CREATE | APPEND, one))
    return network


def in_order(bodies: list[bytes]) -> list[bytes]:
    """Prefix by prefix, each as Linux holds it."""
    prefixes = {(one[12:28], one[1]): None for one in bodies}
    return [one for prefix in prefixes for one in bodies if (one[12:28], one[1]) == prefix]


@given(before=st.lists(told.bodies(), max_size=20), now=st.lists(told.bodies(), max_size=20), size=st.integers(1, 30))
@settings(max_examples=200)
def test_after_a_survey_what_linux_has_is_held(before, now, size):
    reader = RouteReader(RouteDecoder())
    network, wanted = held(ipv4(before), reader), held(ipv4(now))
    ordered = [one for table in (255, 254, 1000) for one in _told(wanted, in_order(ipv4(now)), table)]
    survey = surveyed(network, reader, dumped(ordered, size))
    assert survey.finish() is not None
    assert dict(network.routes) == dict(wanted.routes)


def _told(network: Network, bodies: list[bytes], table: int) -> list[bytes]:
    """The routes of a table in the order in which the network holds them, each once."""
    decoder = RouteDecoder()
    found: dict[tuple[object, ...], tuple[int, bytes]] = {}
    for one in bodies:
        decoded = decoder.decode(one, 0, len(one))
        assert decoded is not None
        prefix, (route,) = decoded
        if prefix.table == table:
            found[prefix, route] = network.routes[prefix].routes.index(route), one
    firsts = list(dict.fromkeys(prefix for prefix, _ in found))
    places = sorted((firsts.index(prefix), place, one) for (prefix, _), (place, one) in found.items())
    return [one for _, _, one in places]


PLAIN = told.body(4, 1, told.attribute(told.GATEWAY, bytes([10, 0, 0, 1])))
OTHER = told.body(4, 2, told.attribute(told.GATEWAY, bytes([10, 0, 0, 1])))


def test_what_is_announced_meanwhile_holds():
    reader = RouteReader(RouteDecoder())
    network = held([PLAIN], reader)
    gone, new = told.message(Kind.DELETE_ROUTE, 0, PLAIN), told.message(Kind.NEW_ROUTE, CREATE, OTHER)
    survey = surveyed(network, reader, dumped([PLAIN], 1), gone, new)
    outcome = survey.finish()
    assert outcome is not None
    assert (outcome.divergences, dict(network.routes)) == ({"routes": 0}, dict(held([OTHER]).routes))


def test_differences_are_counted():
    reader = RouteReader(RouteDecoder())
    network = held([PLAIN], reader)
    outcome = surveyed(network, reader, dumped([OTHER], 1)).finish()
    assert outcome is not None
    assert outcome.divergences == {"routes": 2}


def test_a_dump_under_which_things_changed_has_to_be_done_again():
    reader = RouteReader(RouteDecoder())
    survey = surveyed(held([PLAIN], reader), reader, dumped([OTHER], 1, DUMP_INTERRUPTED))
    assert survey.finish() is None


UNICAST_6 = told.body(6, 1, told.attribute(told.PRIORITY, 1024), told.attribute(told.LINK, 3))
BLACKHOLE_6 = told.body(6, 1, told.attribute(told.PRIORITY, 1024), kind=6)


@pytest.mark.parametrize("size", [1, 2])
def test_a_route_that_a_dump_tells_twice_is_one_route(size):
    reader = RouteReader(RouteDecoder())
    network = held([BLACKHOLE_6], reader)
    outcome = surveyed(network, reader, dumped([BLACKHOLE_6, BLACKHOLE_6], size), subject=ROUTES_6).finish()
    assert outcome is not None
    assert outcome.divergences == {"routes": 0}
    assert [len(one.routes) for one in network.routes.values()] == [1]
    announce(network, told.message(Kind.DELETE_ROUTE, 0, BLACKHOLE_6))
    assert not network.routes


@pytest.mark.parametrize("at_last", [False, True])
def test_routes_that_replace_each_other_during_a_dump_do_not_stand_beside_each_other(at_last):
    reader = RouteReader(RouteDecoder())
    network = held([BLACKHOLE_6], reader)
    replaced = told.message(Kind.NEW_ROUTE, REPLACE, UNICAST_6)
    survey = surveyed(network, reader, dumped([BLACKHOLE_6, UNICAST_6], 1), replaced, subject=ROUTES_6)
    outcome = survey.finish(at_last=at_last)
    assert outcome is not None
    assert not outcome.complete  # so that it is looked at again
    if not at_last:  # the last of many attempts takes what it gets
        assert outcome.divergences == {"routes": 0}
        ((route,),) = (one.routes for one in network.routes.values())
        assert route.kind is RouteKind.UNICAST


def test_some_of_what_was_wrong_is_told():
    reader = RouteReader(RouteDecoder())
    outcome = surveyed(held([PLAIN], reader), reader, dumped([OTHER], 1)).finish()
    assert outcome is not None
    assert sorted(words.partition(":")[0] for words in outcome.examples) == [
        "routes, 20.1.0.0/16",
        "routes, 20.2.0.0/16",
    ]
