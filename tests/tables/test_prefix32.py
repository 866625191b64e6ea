"""Longest prefix match on 32-bit keys (16-bit ones where a small table finds more) against asking every rule."""

import ipaddress
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import entry, load32, nth
from bise.tables.full import TableFull
from bise.tables.prefix32 import Prefix32, ask32, found32, seek32
from bise.tables.question import Question
from bise.tables.retire import immediately
from bise.tables.writer32 import BELOW_BLOCK, BELOW_FIRST, BLOCK, BLOCK_SIZE, VALUE, Root32
from tests.tables.naive import Prefixes, cut
from tests.tables.waiting import Waiting

BITS = 16
_octets = st.sampled_from([0, 1, 2, 127, 128, 254, 255])
_keys = st.builds(lambda first, second: first << 8 | second, _octets, _octets)
_prefixes = st.builds(lambda key, length: (cut(key, length, BITS), length), _keys, st.integers(0, BITS))
_operations = st.lists(st.tuples(_prefixes, st.integers(0, 5)), max_size=60)


@entry(3)
def at_once(root, questions, count):
    """A burst, from outside: keys stand in `low`."""
    for number in range(count):
        question = nth(Question, questions, number)
        ask32(root, question, question.low)
    seek32(root, questions, count)
    for number in range(count):
        question = nth(Question, questions, number)
        question.answer = found32(root, question, question.low)
    return 0


@entry(3)
def sought(root, question_address, key):
    """The address of the entry that a question is led to."""
    question = Question(question_address)
    ask32(root, question, key)
    seek32(root, question_address, 1)
    return question.answer


@entry(3)
def found(root, question_address, key):
    """What is said of a key by way of a question."""
    return found32(root, Question(question_address), key)


def _question():
    return np.zeros(Question.size // 8, dtype=np.int64)


def _sought(table, key):
    return sought(table.address, _question().ctypes.data, key)


def _look_up_at_once(table, keys):
    questions = np.array([(0, key, 0, 0) for key in keys], dtype=np.int64)
    at_once(table.address, questions.ctypes.data, len(keys))
    return questions[:, 3].tolist()


def _small(**options):
    return Prefix32(immediately, **({"capacity": 100, "groups": 8, "bits": BITS} | options))


def _first_entry(table, key):
    return load32(Root32(table.address).first + 4 * (key >> BELOW_FIRST))


def _block_entry(table, key):
    block = Root32(table.address).blocks + (_first_entry(table, key) & VALUE) * BLOCK_SIZE
    return load32(block + 4 * (key >> BELOW_BLOCK & 63))


def _blocks(table):
    """The parts of the first level that have a block."""
    return {part for part in range(1 << BITS - BELOW_FIRST) if _first_entry(table, part << BELOW_FIRST) & BLOCK}


def _told(table, twin):
    """Its length, its rules, its answers at the twin's edges (alone and at once), and what is open."""
    keys = sorted(twin.edges())
    rules = {rule: table.get(*rule) for rule in twin.rules}
    answers = [table.look_up(key) for key in keys]
    opened = _blocks(table), table.groups - table.unused_groups
    return len(table), rules, answers, _look_up_at_once(table, keys), *opened


def _expected(twin):
    answers = [twin.look_up(key) for key in sorted(twin.edges())]
    blocks = {key >> BELOW_FIRST for key, length in twin.rules if length > BITS - BELOW_FIRST}
    groups = {key >> BELOW_BLOCK for key, length in twin.rules if length > BITS - BELOW_BLOCK}
    return len(twin.rules), twin.rules, answers, answers, blocks, len(groups)


def _apply(table, twin, rule, value):
    """A value of 0 deletes."""
    if value:
        table.insert(*rule, value)
        twin.rules[rule] = value
    elif rule in twin.rules:
        table.delete(*rule)
        del twin.rules[rule]
    else:
        with pytest.raises(KeyError):
            table.delete(*rule)


@given(_operations)
def test_agrees_with_asking_every_rule(operations):
    table, twin = _small(), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    assert _told(table, twin) == _expected(twin)
    table.close()


@given(_operations)
def test_is_as_new_when_all_are_deleted(operations):
    table, twin = _small(), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    for rule in list(twin.rules):
        _apply(table, twin, rule, 0)
    assert len(table) == 0
    assert table.unused_groups == table.groups
    assert not any(_first_entry(table, key) for key in range(0, 1 << BITS, 1 << BELOW_FIRST))
    table.close()


@given(_operations)
def test_agrees_after_each_step_of_deleting_all(operations):
    table, twin = _small(groups=16), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    for rule in list(twin.rules):
        _apply(table, twin, rule, 0)
        assert _told(table, twin) == _expected(twin)
    table.close()


@given(_operations, _operations)
def test_blocks_and_groups_open_and_close_time_and_again(before, after):
    table, twin = _small(groups=60), Prefixes(BITS)
    for operations in (before, after):
        for rule, value in operations:
            _apply(table, twin, rule, value)
        assert _told(table, twin) == _expected(twin)
        for rule in list(twin.rules):
            _apply(table, twin, rule, 0)
        assert _told(table, twin) == _expected(twin)
    table.close()


@given(_operations)
def test_loading_many_is_inserting_each(operations):
    one, many = _small(), _small()
    rows = [(*rule, value) for rule, value in operations if value]
    before = []
    for row in rows:
        before.append(one.get(*row[:2]))
        one.insert(*row)
    assert many.load(*np.array(rows, dtype=np.int64).reshape(-1, 3).T).tolist() == before
    assert sorted(zip(*many.held(), strict=True)) == sorted(zip(*one.held(), strict=True))
    assert all(many.look_up(key) == one.look_up(key) for key in range(0, 1 << BITS, 251))
    one.close()
    many.close()


@given(_operations, st.lists(_prefixes, max_size=30))
def test_unloading_many_is_deleting_each_that_is_there(operations, gone):
    one, many = _small(), _small()
    twins = Prefixes(BITS), Prefixes(BITS)
    for rule, value in operations:
        for table, twin in zip((one, many), twins, strict=True):
            _apply(table, twin, rule, value)
    before = []
    for rule in gone:
        before.append(one.get(*rule))
        _apply(one, twins[0], rule, 0)
    columns = list(zip(*gone, strict=True)) or [(), ()]
    assert many.unload(*columns).tolist() == before
    assert _told(many, twins[0]) == _expected(twins[0])
    assert many.unused_groups == one.unused_groups
    one.close()
    many.close()


def test_unloading_what_is_no_prefix_removes_nothing():
    table = _small()
    table.insert(0x100, 8, 1)
    with pytest.raises(ValueError, match="no prefixes"):
        table.unload([0x100, 0x101], [8, 8])
    assert table.get(0x100, 8) == 1


def test_a_deleted_prefix_shows_what_it_covered():
    table = _small()
    table.insert(0, 0, 1)
    table.insert(0x1200, 8, 2)
    table.insert(0x1234, 16, 3)
    for length, shows in ((16, 2), (8, 1), (0, 0)):
        table.delete(cut(0x1234, length, BITS), length)
        assert table.look_up(0x1234) == shows


def test_a_cover_may_change_under_a_longer_prefix():
    table = _small()
    table.insert(0x1234, 16, 3)
    table.insert(0x1200, 7, 1)
    table.insert(0x1200, 12, 2)
    assert [table.look_up(key) for key in (0x1234, 0x1235, 0x12F0, 0x13FF)] == [3, 1, 1, 1]
    assert table.look_up(0x120F) == 2
    table.delete(0x1200, 7)
    assert [table.look_up(key) for key in (0x1234, 0x1235, 0x120F)] == [3, 0, 2]


def test_one_delete_closes_a_group_and_its_block():
    table = _small(groups=1)
    table.insert(0, 1, 1)
    for key in (0x1234, 0x5678, 0x1234):
        table.insert(key, 16, 2)
        assert (_blocks(table), table.unused_groups) == ({key >> BELOW_FIRST}, 0)
        table.delete(key, 16)
        assert (_blocks(table), table.unused_groups) == (set(), 1)
        assert table.look_up(key) == 1


def test_a_block_stays_while_a_group_or_a_prefix_of_its_own_needs_it():
    table = _small()
    for rule in ((0x1200, 8), (0x1234, 16), (0x1300, 10)):
        table.insert(*rule, 2)
    for rule, left in (((0x1234, 16), {0}), ((0x1200, 8), {0}), ((0x1300, 10), set())):
        table.delete(*rule)
        assert _blocks(table) == left


def test_a_block_opens_again_with_what_holds_now():
    table = _small()
    table.insert(0x1200, 8, 1)
    home = _first_entry(table, 0x1200)
    table.delete(0x1200, 8)
    table.insert(0, 2, 2)
    table.insert(0x1300, 8, 3)
    assert _first_entry(table, 0x1200) == home
    assert [table.look_up(key) for key in (0x1200, 0x1300, 0x3FFF, 0x4000)] == [2, 3, 2, 0]


def test_short_prefixes_paint_over_blocks_and_groups_and_back():
    table = _small()
    long = [(0x1200, 8, 1), (0x1280, 9, 2), (0x1400, 6, 9), (0x5555, 16, 3), (0x5600, 10, 4), (0x8000, 2, 5)]
    for rule in long:
        table.insert(*rule)
    keys = [0x0000, 0x1200, 0x1280, 0x1400, 0x1800, 0x5554, 0x5555, 0x5600, 0x5640, 0x7FFF, 0x8000, 0xC000]
    before = [table.look_up(key) for key in keys]
    assert before == [0, 1, 2, 9, 0, 0, 3, 4, 0, 0, 5, 0]
    table.insert(0, 1, 7)
    table.insert(0x4000, 2, 8)
    assert [table.look_up(key) for key in keys] == [7, 1, 2, 9, 7, 8, 3, 4, 8, 8, 5, 0]
    table.delete(0, 1)
    table.delete(0x4000, 2)
    assert [table.look_up(key) for key in keys] == before


def test_there_is_always_a_block_even_if_nothing_is_retired():
    table = Prefix32(Waiting(), capacity=100, groups=0, bits=BITS)
    for _ in range(3):
        for part in range(4):
            table.insert(part << BELOW_FIRST, 8, 1 + part)
        assert _blocks(table) == {0, 1, 2, 3}
        for part in range(4):
            table.delete(part << BELOW_FIRST, 8)
        assert _blocks(table) == set()


def test_full_of_prefixes_it_stays_as_it_was():
    table = _small(capacity=2)
    table.insert(0, 0, 1)
    table.insert(0x1200, 8, 2)
    with pytest.raises(TableFull, match="2 prefixes"):
        table.insert(0x1300, 8, 3)
    table.insert(0x1200, 8, 4)
    assert [table.look_up(key) for key in (0x1200, 0x1300)] == [4, 1]
    table.delete(0, 0)
    table.insert(0x1300, 8, 3)


def test_full_of_groups_it_stays_as_it_was():
    table = _small(groups=1)
    table.insert(0x1234, 16, 1)
    with pytest.raises(TableFull, match="1 blocks"):
        table.insert(0x1334, 16, 2)
    with pytest.raises(TableFull, match="1 blocks"):
        table.insert(0x5334, 16, 2)
    assert (len(table), table.look_up(0x1334), table.look_up(0x5334)) == (1, 0, 0)
    assert _blocks(table) == {0}
    table.insert(0x1235, 16, 3)
    table.delete(0x1234, 16)
    table.delete(0x1235, 16)
    table.insert(0x1334, 16, 2)
    assert table.look_up(0x1334) == 2


def test_loading_too_many_says_how_many_went_in():
    table = _small(capacity=3)
    with pytest.raises(TableFull) as full:
        table.load([0x100, 0x200, 0x300, 0x400], [8] * 4, [1, 2, 3, 4])
    assert (full.value.done, list(full.value.before)) == (3, [0, 0, 0])
    assert [table.look_up(key) for key in (0x100, 0x300, 0x400)] == [1, 3, 0]


def test_a_freed_group_is_left_alone_until_it_is_retired():
    waiting = Waiting()
    table = Prefix32(waiting, capacity=100, groups=2, bits=BITS)
    table.insert(0x1234, 16, 5)
    held = _block_entry(table, 0x1200)
    table.delete(0x1234, 16)
    table.insert(0x1334, 16, 6)
    assert _block_entry(table, 0x1300) != held
    with pytest.raises(TableFull):
        table.insert(0x1434, 16, 7)
    waiting.pass_on()
    table.insert(0x1434, 16, 7)
    assert _block_entry(table, 0x1400) == held


@pytest.mark.parametrize(
    ("prefix", "length", "value"),
    [(1, 8, 1), (0, 17, 1), (0, -1, 1), (1 << 16, 16, 1), (-1, 16, 1), (0, 0, 0), (0, 0, 1 << 24)],
)
def test_what_is_no_prefix_or_no_value_is_refused(prefix, length, value):
    table = _small()
    with pytest.raises(ValueError, match=r"prefix|value|length"):
        table.insert(prefix, length, value)
    with pytest.raises(ValueError, match=r"prefix|value|length"):
        table.load([prefix], [length], [value])
    assert len(table) == 0


@pytest.mark.slow
def test_agrees_with_ipaddress_on_real_lengths():
    rng = random.Random(1)
    table = Prefix32(immediately, capacity=1 << 12, groups=1 << 10)
    networks = {
        ipaddress.ip_network((cut(rng.getrandbits(32), length, 32), length)): number + 1
        for number, length in enumerate(rng.choices([16, 20, 22, 24, 24, 25, 28, 30, 32], k=2000))
    }
    for network, value in networks.items():
        table.insert(int(network.network_address), network.prefixlen, value)
    for network in rng.sample(list(networks), 500):
        table.delete(int(network.network_address), network.prefixlen)
        del networks[network]
    for network in rng.sample(list(networks), 200):
        address = network[rng.randrange(network.num_addresses)]
        best = max((other for other in networks if address in other), key=lambda other: other.prefixlen)
        assert table.look_up(int(address)) == networks[best]
    table.close()


def test_a_question_is_of_use_to_who_would_ask_the_same_of_the_same_table():
    one, other = _small(), _small()
    for table, shift in ((one, 0), (other, 1)):
        table.insert(0x0000, 4, 1 + shift)
        table.insert(0x1000, 4, 2 + shift)
    question, entry_of_3 = _question(), np.array([3], dtype="<u4")
    question[3] = entry_of_3.ctypes.data  # where it is met, nobody has asked the table again
    keys = (0x0000, 0x0001, 0x1000)
    assert [found(one.address, question.ctypes.data, key) for key in keys] == [1, 1, 2]
    sought(one.address, question.ctypes.data, 0x0000)
    assert [found(one.address, question.ctypes.data, key) for key in keys] == [1, 1, 2]
    question[3] = entry_of_3.ctypes.data
    assert [found(one.address, question.ctypes.data, key) for key in keys] == [3, 1, 2]
    assert [found(other.address, question.ctypes.data, key) for key in keys] == [2, 2, 3]
    one.close()
    other.close()


def test_seeking_goes_as_far_as_the_block():
    table = _small()
    table.insert(0x4000, 2, 1)
    assert _sought(table, 0x4001) == Root32(table.address).first + 4
    table.insert(0x4000, 8, 2)
    blocks = Root32(table.address).blocks
    assert blocks <= _sought(table, 0x4001) < blocks + BLOCK_SIZE
    table.close()
