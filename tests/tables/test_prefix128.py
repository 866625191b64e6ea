"""Longest prefix match on 128-bit keys against asking every rule."""

import ipaddress
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bise.hot import entry, nth
from bise.tables.full import TableFull
from bise.tables.prefix128 import Prefix128, ask128, found128, seek128
from bise.tables.question import Question
from bise.tables.retire import immediately
from tests.tables.naive import Prefixes, cut
from tests.tables.waiting import Waiting

BITS = 128
SIZE = Question.size
HALF = (1 << 64) - 1
# Few different octets, so that rules share long ways, meet in one octet, and part late.
_octets = st.sampled_from([0, 1, 128, 255])
_starts = st.lists(_octets, max_size=16).map(lambda octets: int.from_bytes(bytes(octets).ljust(16, b"\0"), "big"))
_deep = st.builds(lambda start, last: start | last, st.just(0x20010DB8 << 96), st.integers(0, 5))
_keys = _starts | _deep
_lengths = st.integers(0, 128) | st.sampled_from([0, 8, 9, 16, 24, 32, 48, 63, 64, 65, 72, 120, 127, 128])
_prefixes = st.builds(lambda key, length: (cut(key, length, BITS), length), _keys, _lengths)
_operations = st.lists(st.tuples(_prefixes, st.integers(0, 5)), max_size=40)


@entry(3)
def at_once(root, questions, count):
    """Bursts, from outside: keys stand in the questions."""
    for number in range(count):
        question = nth(Question, questions, number)
        ask128(root, question, question.high, question.low)
    for first in range(0, count, 64):
        seek128(root, questions + first * SIZE, min(64, count - first))
    for number in range(count):
        question = nth(Question, questions, number)
        question.answer = found128(root, question, question.high, question.low)
    return 0


@entry(2)
def seek(root, question_address):
    """Asks one question, whose key stands there."""
    question = Question(question_address)
    ask128(root, question, question.high, question.low)
    seek128(root, question_address, 1)
    return 0


@entry(4)
def found(root, question_address, high, low):
    """What is said of a key by way of a question."""
    return found128(root, Question(question_address), high, low)


def _small(retire=immediately, **options):
    return Prefix128(retire, **({"capacity": 60, "groups": 700, "values": 8, "first_bits": 8} | options))


def _look_up(table, key):
    return table.look_up(key >> 64, key & HALF)


def _insert(table, prefix, length, value):
    table.insert(prefix >> 64, prefix & HALF, length, value)


def _delete(table, prefix, length):
    table.delete(prefix >> 64, prefix & HALF, length)


def _told(table, twin):
    """Its length, its rules, and its answers at the twin's edges, one after the other and all at once."""
    keys = sorted(twin.edges())
    rules = {rule: table.get(rule[0] >> 64, rule[0] & HALF, rule[1]) for rule in twin.rules}
    return len(table), rules, [_look_up(table, key) for key in keys], _look_up_at_once(table, keys)


def _expected(twin):
    answers = [twin.look_up(key) for key in sorted(twin.edges())]
    return len(twin.rules), twin.rules, answers, answers


def _look_up_at_once(table, keys):
    questions = np.array([(key >> 64, key & HALF, 0, 0) for key in keys], dtype=np.uint64)
    at_once(table.address, questions.ctypes.data, len(keys))
    return questions[:, 3].tolist()


def _apply(table, twin, rule, value):
    """A value of 0 deletes."""
    if value:
        _insert(table, *rule, value)
        twin.rules[rule] = value
    elif rule in twin.rules:
        _delete(table, *rule)
        del twin.rules[rule]
    else:
        with pytest.raises(KeyError):
            _delete(table, *rule)


@given(_operations)
def test_agrees_with_asking_every_rule(operations):
    table, twin = _small(), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    assert _told(table, twin) == _expected(twin)
    table.close()


@given(_operations)
def test_agrees_after_each_step_of_deleting_all(operations):
    table, twin = _small(), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    for rule in list(twin.rules):
        _apply(table, twin, rule, 0)
        assert _told(table, twin) == _expected(twin)
    assert table.unused_groups == table.groups
    assert table.unused_tails == table.tails
    table.close()


@given(_operations)
def test_loading_many_is_inserting_each(operations):
    one, many = _small(), _small()
    rows = [(rule[0] >> 64, rule[0] & HALF, rule[1], value) for rule, value in operations if value]
    before = []
    for row in rows:
        before.append(one.get(*row[:3]))
        one.insert(*row)
    columns = list(zip(*rows, strict=True)) or [()] * 4
    assert many.load(*(np.array(column, dtype=np.uint64) for column in columns)).tolist() == before
    assert sorted(zip(*many.held(), strict=True)) == sorted(zip(*one.held(), strict=True))
    for high, low, *_ in rows:
        assert many.look_up(high, low) == one.look_up(high, low)
    one.close()
    many.close()


@given(_operations)
def test_never_runs_out_of_parts_while_nothing_waits(operations):
    table, twin = _small(groups=400, capacity=40), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    assert len(table) == len(twin.rules)
    table.close()


def test_a_question_is_of_use_to_who_would_ask_the_same_of_the_same_table():
    one, other = (_small(values=4) for _ in range(2))
    for table, shift in ((one, 0), (other, 1)):
        for start in (0x10, 0x20):
            _insert(table, start << 120, 8, start // 16 + shift)
    question = np.zeros(Question.size // 8, dtype=np.uint64)
    assert found(one.address, question.ctypes.data, 0, 0) == 0
    question[:2] = 0x10 << 56, 7
    seek(one.address, question.ctypes.data)
    keys = [(0x10 << 56, 7), (0x10 << 56, 8), (0x20 << 56, 7)]
    assert [found(one.address, question.ctypes.data, *key) for key in keys] == [1, 1, 2]
    assert [found(other.address, question.ctypes.data, *key) for key in keys] == [2, 2, 3]
    question[3] = 3  # a leaf that says 3: where it is met, nobody has asked the table again
    assert [found(one.address, question.ctypes.data, *key) for key in keys] == [3, 1, 2]
    assert [found(other.address, question.ctypes.data, *key) for key in keys] == [2, 2, 3]
    one.close()
    other.close()


@pytest.mark.parametrize("count", [1, 63, 64])
def test_a_burst_of_questions_that_all_lie_deep(count):
    table = _small(capacity=64, groups=80)
    keys = [0x20010DB8 << 96 | number for number in range(count)]
    for number, key in enumerate(keys):
        _insert(table, key, 128, 1 + number % 7)
    assert _look_up_at_once(table, keys) == [1 + number % 7 for number in range(count)]
    table.close()


def test_lone_rules_cost_no_groups():
    table = _small(groups=0)
    for number in range(8):
        _insert(table, 0x2001_0DB8_0000_0000 + (number << 56) << 64 | number, 128, 1 + number % 7)
    assert len(table) == 8


def test_full_of_prefixes_it_stays_as_it_was():
    table = _small(capacity=2)
    _insert(table, 0, 0, 1)
    _insert(table, 0x2001 << 112, 16, 2)
    with pytest.raises(TableFull, match="2 prefixes"):
        _insert(table, 0x2002 << 112, 16, 3)
    _insert(table, 0x2001 << 112, 16, 4)
    assert [_look_up(table, key << 112) for key in (0x2001, 0x2002)] == [4, 1]


def test_full_of_groups_it_stays_as_it_was():
    table = _small(groups=2)
    _insert(table, 0x20010DB8 << 96, 32, 1)
    with pytest.raises(TableFull, match="2 groups"):
        _insert(table, 0x20010DB9 << 96, 32, 2)
    assert (len(table), _look_up(table, 0x20010DB9 << 96)) == (1, 0)
    _insert(table, 0x2002 << 112, 16, 2)
    _insert(table, 0x20010DB8 << 96, 32, 3)
    assert [_look_up(table, key << 96) for key in (0x20010DB8, 0x20020DB8, 0x20030DB8)] == [3, 2, 0]


def test_loading_too_many_says_how_many_went_in():
    table = _small(capacity=3)
    highs = [number << 56 for number in range(4)]
    with pytest.raises(TableFull) as full:
        table.load(highs, [0] * 4, [8] * 4, [1, 2, 3, 4])
    assert full.value.done == 3
    assert [table.look_up(high, 0) for high in highs] == [1, 2, 3, 0]


def test_what_readers_may_hold_is_left_alone_until_it_is_retired():
    waiting = Waiting()
    table = _small(waiting, groups=1, capacity=10)
    near, far = 0x2001 << 112, 0x2002 << 112
    _insert(table, near, 16, 1)
    _insert(table, far, 16, 2)
    _delete(table, near, 16)
    with pytest.raises(TableFull):
        _insert(table, near, 16, 3)
    waiting.pass_on()
    _insert(table, near, 16, 3)
    assert [_look_up(table, key) for key in (near, far)] == [3, 2]


@given(_operations)
def test_tails_are_there_for_every_deletion_even_if_nothing_is_retired(operations):
    table, twin = _small(Waiting(), capacity=40, groups=5000), Prefixes(BITS)
    for rule, value in operations:
        _apply(table, twin, rule, value)
    for rule in list(twin.rules):
        _apply(table, twin, rule, 0)
    assert len(table) == 0
    table.close()


def test_rules_that_come_and_go_leave_nothing_behind():
    table = _small(groups=2)
    stays, comes = 0x20010DB8 << 96, 0x2001F000 << 96
    _insert(table, stays, 32, 1)
    for _ in range(5):
        _insert(table, comes, 20, 2)
        assert [_look_up(table, key) for key in (stays, comes)] == [1, 2]
        assert table.unused_groups == 0
        _delete(table, comes, 20)
        assert [_look_up(table, key) for key in (stays, comes)] == [1, 0]
        assert table.unused_groups == 2


def _come_and_go(table, rules):
    while True:
        for number, rule in enumerate(rules):
            _insert(table, *rule, 1 + number)
        _delete(table, *rules[0])
        _delete(table, *rules[1])


def test_what_waits_stops_insertions_and_never_deletions():
    waiting = Waiting()
    table = _small(waiting, capacity=3, groups=100)
    rules = [(0x20010DB8 << 96, 32), (0x2001F000 << 96, 20), (0x2001F100 << 96, 24)]
    with pytest.raises(TableFull, match="readers"):
        _come_and_go(table, rules)
    for prefix, length in rules:
        if table.get(prefix >> 64, prefix & HALF, length):
            _delete(table, prefix, length)
    assert len(table) == 0
    assert [_look_up(table, rule[0]) for rule in rules] == [0, 0, 0]
    waiting.pass_on()
    assert table.unused_tails == table.tails
    assert table.unused_groups == 100


@pytest.mark.parametrize(
    ("high", "low", "length", "value"),
    [(1, 0, 8, 1), (0, 1, 127, 1), (0, 0, 129, 1), (0, 0, -1, 1), (0, 0, 0, 0), (0, 0, 0, 8)],
)
def test_what_is_no_prefix_or_no_value_is_refused(high, low, length, value):
    table = _small()
    with pytest.raises(ValueError, match=r"prefix|value|length"):
        table.insert(high, low, length, value)
    with pytest.raises(ValueError, match=r"prefix|value|length"):
        table.load([high], [low], [length], [value])
    assert len(table) == 0


@pytest.mark.slow
def test_agrees_with_ipaddress_on_real_lengths():
    rng = random.Random(1)
    table = Prefix128(immediately, capacity=1 << 12, groups=1 << 12, values=1 << 12)
    sites = [0x2001 << 112 | rng.getrandbits(16) << 96 for _ in range(50)]
    networks = {}
    for number, length in enumerate(rng.choices([29, 32, 40, 44, 48, 48, 56, 64, 127, 128], k=2000)):
        network = ipaddress.ip_network((cut(rng.choice(sites) | rng.getrandbits(96), length, 128), length))
        networks[network] = number + 1
    for network, value in networks.items():
        _insert(table, int(network.network_address), network.prefixlen, value)
    for network in rng.sample(list(networks), 500):
        _delete(table, int(network.network_address), network.prefixlen)
        del networks[network]
    for network in rng.sample(list(networks), 200):
        address = network[rng.randrange(network.num_addresses)]
        best = max((other for other in networks if address in other), key=lambda other: other.prefixlen)
        assert _look_up(table, int(address)) == networks[best]
    table.close()
