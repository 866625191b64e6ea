"""Exact match against a dict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.tables.full import TableFull
from bise.tables.hashmap import HashMap, look_up_exact
from bise.tables.retire import immediately
from tests.tables.waiting import Waiting

_halves = st.sampled_from([0, 1, 2, 3, -1, 1 << 62, -(1 << 63)])
_operations = st.lists(st.tuples(st.tuples(_halves, _halves), st.integers(0, 3)), max_size=80)


def _told(table, twin):
    """Its length, and what its writer and its readers get for each key."""
    return len(table), {key: (table.get(*key), look_up_exact(table.address, *key)) for key in twin}


def _expected(twin):
    return len(twin), {key: (value, value) for key, value in twin.items()}


def _apply(table, twin, key, value):
    """A value of 0 deletes."""
    if value:
        try:
            table.insert(*key, value)
        except TableFull:
            assert key not in twin
        else:
            twin[key] = value
    elif key in twin:
        table.delete(*key)
        del twin[key]
    else:
        with pytest.raises(KeyError):
            table.delete(*key)
        assert look_up_exact(table.address, *key) == 0


@pytest.mark.parametrize("capacity", [1, 4, 40])
@given(operations=_operations)
def test_agrees_with_a_dict(capacity, operations):
    table, twin = HashMap(immediately, capacity), {}
    for key, value in operations:
        _apply(table, twin, key, value)
    assert _told(table, twin) == _expected(twin)
    table.close()


@given(_operations, st.integers(1, 9))
def test_agrees_with_a_dict_while_deletions_wait(operations, patience):
    waiting = Waiting()
    table, twin = HashMap(waiting, 40), {}
    for step, (key, value) in enumerate(operations):
        _apply(table, twin, key, value)
        if step % patience == 0:
            waiting.pass_on(len(waiting.callbacks) // 2)
        assert _told(table, twin) == _expected(twin)
    table.close()


def test_every_bucket_is_spare_again_when_all_are_deleted():
    table = HashMap(immediately, 64)
    unused = table.unused_spare
    for _ in range(3):
        for key in range(64):
            table.insert(0, key, 1)
        assert table.unused_spare < unused
        for key in range(64):
            table.delete(0, key)
        assert table.unused_spare == unused


def test_a_deleted_slot_keeps_its_key_until_it_is_retired():
    waiting = Waiting()
    table = HashMap(waiting, 1)
    table.insert(5, 6, 7)
    table.delete(5, 6)
    table.insert(8, 9, 10)
    table.delete(8, 9)
    table.insert(5, 6, 11)
    assert (table.get(5, 6), table.get(8, 9), len(table)) == (11, 0, 1)
    waiting.pass_on()
    assert (table.get(5, 6), table.get(8, 9), len(table)) == (11, 0, 1)


def test_full_it_stays_as_it_was():
    table = HashMap(immediately, 2)
    table.insert(0, 1, 1)
    table.insert(0, 2, 2)
    with pytest.raises(TableFull, match="2 keys"):
        table.insert(0, 3, 3)
    table.insert(0, 2, 4)
    assert [table.get(0, key) for key in (1, 2, 3)] == [1, 4, 0]


def test_a_value_of_0_is_refused():
    with pytest.raises(ValueError, match="0"):
        HashMap(immediately, 2).insert(0, 1, 1 << 64)


def test_halves_may_be_unsigned():
    table = HashMap(immediately, 2)
    table.insert((1 << 64) - 1, 1 << 63, 5)
    assert table.get(-1, -(1 << 63)) == 5
