"""Records by number against the rules of who may hold what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import Header, le32, le64
from bise.tables.full import TableFull
from bise.tables.pool import Pool
from bise.tables.retire import immediately
from tests.tables.waiting import Waiting


class Flow(Header):
    key = le64()
    state = le32()


@given(st.lists(st.booleans(), max_size=40))
def test_no_number_is_given_twice(operations):
    pool, held = Pool(Flow, 5, immediately), {}
    for step, take in enumerate(operations):
        if not take and held:
            pool.free(held.popitem()[0])
        elif len(held) < 5:
            number = pool.allocate()
            assert 1 <= number <= 5
            assert number not in held
            assert (pool.record(number).key, pool.record(number).state) == (0, 0)
            held[number] = pool.record(number).key = step
        else:
            with pytest.raises(TableFull, match="5 records"):
                pool.allocate()
    assert len(pool) == len(held)
    assert all(pool.record(number).key == step for number, step in held.items())
    pool.close()


def test_a_freed_record_says_what_it_said_until_it_is_retired():
    waiting = Waiting()
    pool = Pool(Flow, 1, waiting)
    number = pool.allocate()
    pool.record(number).key = 7
    pool.free(number)
    with pytest.raises(TableFull):
        pool.allocate()
    assert pool.record(number).key == 7
    waiting.pass_on()
    assert pool.allocate() == number
    assert pool.record(number).key == 0


def test_only_what_was_given_out_is_taken_back():
    pool = Pool(Flow, 2, immediately)
    for number in (0, 1, 3):
        with pytest.raises(KeyError):
            pool.free(number)


@pytest.mark.parametrize(("asked", "stride"), [(0, 16), (16, 16), (64, 64)])
def test_records_lie_where_readers_reckon(asked, stride):
    pool = Pool(Flow, 4, immediately, asked)
    assert pool.stride == stride
    assert pool.address_of(3) == pool.base + 3 * stride


@pytest.mark.parametrize("stride", [8, 24])
def test_a_stride_that_does_not_fit_is_refused(stride):
    with pytest.raises(ValueError, match="Flow"):
        Pool(Flow, 4, immediately, stride)
