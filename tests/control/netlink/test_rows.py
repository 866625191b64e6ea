"""Routes from whole buffers against routes message by message: the same objects, the same tables, the same refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bise.control.netlink import likes
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import Message, NetlinkError, messages
from bise.control.netlink.routes import RouteDecoder
from bise.control.netlink.rows import Rows, messages_of, prefix_numbers, rows_of
from bise.control.network import Network
from tests.control.netlink import recorded, told
from tests.control.netlink.test_message import damaged
from tests.control.netlink.test_routes import PLAIN_4, plain_4
from tests.modes import MODES, run


def one_by_one(buffer: bytes) -> list[Message] | None:
    try:
        return list(messages(buffer))
    except NetlinkError:
        return None


def at_once(buffer: bytes) -> Rows | None:
    try:
        return rows_of(buffer)
    except NetlinkError:
        return None


@given(st.lists(damaged(), max_size=4).map(b"".join) | told.lots().map(b"".join))
@settings(max_examples=300)
@pytest.mark.slow
def test_the_messages_in_a_buffer_are_found_or_refused_alike(buffer):
    rows = at_once(buffer)
    assert one_by_one(buffer) == (None if rows is None else messages_of(rows))


def decoded(decoder: RouteDecoder, buffer: bytes, found: Message) -> object:
    one = decoder.decode(buffer, found.start, found.end)
    return None if one is None else (one.prefix.family, one.prefix.table, one.prefix.number, one.routes)


@given(told.lots())
@settings(max_examples=200)
@pytest.mark.slow
def test_routes_found_by_their_likeness_are_those_that_are_decoded(lots):
    reader, slow = RouteReader(RouteDecoder()), RouteDecoder()
    for buffer in lots:
        rows = at_once(buffer)
        if rows is None:
            continue
        try:
            expected = [decoded(slow, buffer, found) for found in messages(buffer)]
        except NetlinkError:
            with pytest.raises(NetlinkError):
                reader.routes_of(buffer, rows)
            continue
        columns = zip(*reader.routes_of(buffer, rows), strict=True)
        assert [like and (*like.key, number, like.routes) for number, like in columns] == expected


def applied_one_by_one(network: Network, buffer: bytes) -> bool:
    try:
        for found in messages(buffer):
            network.apply(buffer, found)
    except NetlinkError:
        return False
    return True


def applied_at_once(network: Network, buffer: bytes, rows: Rows) -> bool:
    try:
        assert network.apply_rows(buffer, rows) == len(rows)
    except NetlinkError:
        return False
    return True


@given(told.lots())
@settings(max_examples=200)
@pytest.mark.slow
def test_announcements_in_lots_end_in_the_same_network_as_one_by_one(lots):
    single, many = (Network(RouteReader(RouteDecoder())) for _ in range(2))
    for buffer in lots:
        rows = at_once(buffer)
        if rows is None:
            break
        assert applied_one_by_one(single, buffer) == applied_at_once(many, buffer, rows)
        assert dict(many.routes) == dict(single.routes)
        assert many.suspicious == single.suspicious
        assert list(many.take_changes(5)) == list(single.take_changes(5))


def test_what_implies_work_ends_the_lot():
    network = Network(RouteReader(RouteDecoder()))
    up, down = recorded.link("eth0", 3), recorded.link("eth0", 3, flags=0x1002)
    lot = up + PLAIN_4 + down + plain_4("20.9.9.0")
    rows = rows_of(lot)
    assert network.apply_rows(lot, rows) == 3
    while network.work():
        pass
    assert not network.routes
    assert network.apply_rows(lot, rows[3:]) == 1
    assert [str(prefix) for prefix in network.routes] == ["20.9.9.0/24"]


def test_likenesses_are_forgotten_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(likes, "MOST_LIKES", 3)
    reader, slow = RouteReader(RouteDecoder()), RouteDecoder()
    for host in [*range(1, 9), 8, 7, 1]:
        gateway = told.attribute(told.GATEWAY, bytes([10, 0, 0, host]))
        buffer = told.message(24, 0, told.body(4, host, gateway, told.attribute(told.LINK, 3)))
        ((number,), (like,)) = reader.routes_of(buffer, rows_of(buffer))
        (found,) = messages(buffer)
        assert (*like.key, number, like.routes) == decoded(slow, buffer, found)
        assert len(reader.likes) <= 4


def test_the_three_modes_find_the_same():
    assert len({run(mode, "tests.control.netlink.every_row") for mode in MODES}) == 1


def test_numbers_of_prefixes_of_both_families():
    reader = RouteReader(RouteDecoder())
    gateways = {4: bytes([10, 0, 0, 1]), 6: (0xFE80 << 112 | 1).to_bytes(16, "big")}
    ones = [told.body(family, 1, told.attribute(told.GATEWAY, gateways[family])) for family in (4, 6, 4)]
    buffer = b"".join(told.message(24, 0, one) for one in ones)
    reader.routes_of(buffer, rows_of(buffer))
    rows = rows_of(buffer)
    reader.read(buffer, rows)
    assert rows["like"].all()
    four, six = (told.TOP[4] + (1 << 16)) << 8 | 16, (told.TOP[6] + (1 << 16)) << 8 | 112
    assert prefix_numbers(rows) == [four, six, four]
