"""Readers that race the writer see what was right before or is right after, and nothing else."""

import pytest

from bise.tables.hashmap import HashMap
from bise.tables.prefix32 import Prefix32
from bise.tables.prefix128 import Prefix128
from tests.tables.racing import Race, read32, read128, read_burst32, read_exact

in_both_ways = pytest.mark.parametrize("reader", [read32, read_burst32], ids=["alone", "burst"])


@pytest.mark.parametrize(("reader", "groups"), [(read32, 3), (read_burst32, 20)], ids=["alone", "burst"])
def test_32_bit_prefixes_while_groups_come_and_go(reader, groups):
    race = Race()
    table = Prefix32(race.retire, capacity=100, groups=groups, bits=16)
    table.insert(0, 0, 1)
    rows = [(0, block << 8 | last, 1, 10 + block) for block in range(8) for last in (0, 1, 15)]
    with race.reading(reader, table.address, rows):
        for step in race.steps():
            block = step % 8
            race.write(lambda block=block: table.insert(block << 8, 12, 10 + block))
            race.write(lambda block=block: table.delete(block << 8, 12))
    assert race.board.wrong == 0
    assert len(table) == 1


@in_both_ways
def test_32_bit_prefixes_while_a_block_comes_and_goes_and_what_it_covers_changes(reader):
    race = Race()
    table = Prefix32(race.retire, capacity=100, groups=8, bits=16)
    table.insert(0, 1, 2)
    rows = [(0, 0x0800, 2, 3), (0, 0x0900, 2, 3), (0, 0x0A00, 2, 3), (0, 0x4000, 2, 6), (0, 0x8000, 0, -1)]
    with race.reading(reader, table.address, rows):
        for step in race.steps():
            length = 16 if step & 1 else 8
            race.write(lambda length=length: table.insert(0x0800, length, 3))
            table.insert(0x4000, 5, 6)
            table.insert(0, 2, 3)
            table.delete(0x0800, length)
            table.delete(0x4000, 5)
            table.delete(0, 2)
    assert race.board.wrong == 0
    assert len(table) == 1


@in_both_ways
def test_32_bit_prefixes_while_short_ones_change_over_long_ones(reader):
    race = Race()
    table = Prefix32(race.retire, capacity=100, groups=8, bits=16)
    table.insert(0x0800, 16, 5)
    table.insert(0x0900, 8, 6)
    rows = [(0, 0x0800, 5, -1), (0, 0x0900, 6, -1), (0, 0x0801, 0, 2), (0, 0x0A00, 0, 2), (0, 0xFFFF, 0, 2)]
    with race.reading(reader, table.address, rows):
        for _ in race.steps():
            table.insert(0, 0, 2)
            table.delete(0, 0)
    assert race.board.wrong == 0


def test_128_bit_prefixes_while_rules_part_and_are_alone_again():
    race = Race()
    table = Prefix128(race.retire, capacity=100, groups=60, values=64, first_bits=8)
    table.insert(0, 0, 0, 1)
    rows = [(0x20 << 56 | site << 40, last, 1, 10 + site) for site in range(4) for last in (0, 1)]
    rows += [(0x20 << 56, 1 << 40, 1, -1), (0x21 << 56, 0, 1, -1)]
    rules = [(rows[2 * site][0], last, 128, 10 + site) for site in range(4) for last in (0, 1)]
    with race.reading(read128, table.address, rows):
        for step in race.steps():
            *rule, value = rules[step * 5 % 8]
            race.write(lambda rule=rule, value=value: table.insert(*rule, value))
            *rule, value = rules[(step * 5 + 21) % 8]
            if table.get(*rule):
                race.write(lambda rule=rule: table.delete(*rule))
    assert race.board.wrong == 0


def test_128_bit_prefixes_while_covers_change():
    race = Race()
    table = Prefix128(race.retire, capacity=100, groups=20, values=64, first_bits=8)
    site = 0x2001_0DB8 << 32
    for last in range(3):
        table.insert(site, last, 128, 5)
    rows = [(site, 0, 5, -1), (site, 2, 5, -1), (site, 3, 0, 2), (site | 1, 0, 0, 2), (0x2001 << 48, 0, 0, 2)]
    with race.reading(read128, table.address, rows):
        for step in race.steps():
            length = (8, 16, 12)[step % 3]
            table.insert((0x2001 << 48) & -(1 << 64 - length), 0, length, 2)
            table.delete((0x2001 << 48) & -(1 << 64 - length), 0, length)
    assert race.board.wrong == 0


def test_exact_keys_while_slots_and_buckets_are_reused():
    race = Race()
    table = HashMap(race.retire, 8)
    rows = [(key % 3, key, 0, 100 + key) for key in range(64)]
    with race.reading(read_exact, table.address, rows):
        for step in race.steps():
            high, low, _, value = rows[step * 7 % 64]
            race.write(lambda high=high, low=low, value=value: table.insert(high, low, value))
            high, low, *_ = rows[(step - 5) * 7 % 64]
            if step >= 5:
                race.write(lambda high=high, low=low: table.delete(high, low))
    assert race.board.wrong == 0
