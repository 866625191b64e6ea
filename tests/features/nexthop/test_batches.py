"""Changes told one by one and many at once, and a table filled from nothing: all end in the same."""

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bise.control.changes import Change, Removed, Rerouted, change, rerouted
from bise.control.objects import Destination, Link, MirrorObject, Neighbour, NextHopObject, Route
from bise.features.ipv6.control import WholeKeys
from bise.features.nexthop.control import Hops, Via, Want
from bise.features.nexthop.fib import GONE, Batch, FibWriter
from bise.tables.prefix32 import Prefix32
from bise.tables.prefix128 import Prefix128
from bise.tables.retire import immediately
from tests.features.network import Network, link
from tests.features.nexthop.test_routes import LINKS, Router, _apply, _settle, _steps
from tests.tables.naive import cut

ORDER = (Link, Neighbour, NextHopObject)  # parents first, as the mirror tells them


class Sharing(Network):
    """Equal routes are one tuple, as the mirror's are."""

    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[tuple[Route, ...], tuple[Route, ...]] = {}

    def set(self, subject: MirrorObject) -> list[Change]:
        if isinstance(subject, Destination):
            subject = Destination(subject.prefix, self.shared.setdefault(subject.routes, subject.routes))
        return super().set(subject)


class Late(Router):
    """Hears of changes when `catch_up` is called: of all since the last time at once, steps between left out."""

    def __init__(self, family: int) -> None:
        super().__init__(family, Sharing())
        self.touched: dict[object, tuple[object, object]] = {}

    def tell(self, changes: list[Change]) -> None:
        for one in chain.from_iterable(one.singles() if isinstance(one, Rerouted) else [one] for one in changes):
            old, new = getattr(one, "old", None), getattr(one, "new", None)
            key = self._key(old or new)
            self.touched[key] = (self.touched[key][0] if key in self.touched else old, new)

    def _key(self, subject: object) -> object:
        return type(subject), self.network._place(subject)[1]

    def catch_up(self) -> None:
        pairs = [pair for pair in self.touched.values() if pair[0] != pair[1]]
        self.touched.clear()
        routes = [pair for pair in pairs if isinstance(pair[0] or pair[1], Destination)]
        found = [change(*pair) for pair in pairs if pair not in routes]
        found.sort(key=lambda one: ORDER.index(type(one.old if isinstance(one, Removed) else one.new)))
        super().tell([*found, *rerouted(routes)])


def _claims(router: Router) -> dict[Want, int]:
    return {want: kept.claims for want, kept in router.hops._kept.items()}


def _wants(router: Router) -> dict[tuple[int, int], Want]:
    return {place: router.hops.wanted(index) for place, index in router.fib.rules.items()}


def _begin(router: Router) -> None:
    for index in LINKS:
        router.tell(router.network.set(link(index)))
        router.set_port(index, index != 3)


@pytest.mark.parametrize("family", [4, 6])
@given(data=st.data())
@settings(max_examples=60)
def test_many_changes_at_once_end_in_the_same_table_as_one_by_one(family, data):
    prompt, late = Router(family), Late(family)
    for router in (prompt, late):
        _begin(router)
    late.catch_up()
    for step in data.draw(_steps(family)):
        _apply(prompt, step)
        _apply(late, step)
        if data.draw(st.integers(0, 7)) == 0:
            late.catch_up()
    late.catch_up()
    _settle(prompt)
    _settle(late)
    assert _wants(late) == _wants(prompt)
    assert _claims(late) == _claims(prompt)
    assert late.routes.shares() == prompt.routes.shares()
    for router in (prompt, late):
        router.control.close()


WANTS = tuple(Via(1, 4, address) for address in range(4))
PLACES = st.builds(lambda key, length: (cut(key, length, 16), length), st.integers(0, 0xFFFF), st.integers(0, 16))


@given(
    lots=st.lists(st.dictionaries(PLACES, st.sampled_from([None, *WANTS]), max_size=20), max_size=4),
    rooms=st.integers(4, 30),
)
@settings(max_examples=60, deadline=None)
def test_a_table_with_little_room_is_filled_alike(lots, rooms):
    writers = []
    for _ in range(2):
        table = Prefix32(immediately, capacity=rooms, groups=3, bits=16)
        writers.append(FibWriter(table, Hops(immediately)))
    single, many = writers
    for lot in lots:
        batch = Batch(many)
        alikes = {None: GONE, **{want: batch.alike(want, ()) for want in WANTS}}
        for (prefix, length), want in sorted(lot.items(), key=lambda one: one[1] is not None):
            single.put(prefix, length, want)
        batch.write([prefix for prefix, _ in lot], [length for _, length in lot], [alikes[one] for one in lot.values()])
    assert _said(many) == _said(single)
    assert many.unplaced.keys() == single.unplaced.keys()
    for writer in writers:
        writer.fib.close()
        writer.hops.close()


def _said(writer: FibWriter) -> tuple[object, ...]:
    """By prefix what is wanted there, and by want how many claims stand."""
    held = zip(*(column.tolist() for column in writer.fib.held()), strict=True)
    wants = {(prefix, length): writer.hops.wanted(value) for prefix, length, value in held}
    return wants, {want: kept.claims for want, kept in writer.hops._kept.items()}


def test_ipv6_prefixes_are_loaded_whole():
    table = Prefix128(immediately, capacity=100)
    keys = WholeKeys(table)
    rows = [(0x2001 << 112, 16, 1), (0xFD00 << 112 | 5, 128, 2), (0, 0, 3)]
    keys.load(*map(list, zip(*rows, strict=True)))
    assert [keys.get(prefix, length) for prefix, length, _ in rows] == [1, 2, 3]
    table.close()
