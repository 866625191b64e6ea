"""Longest prefix match on 32-bit keys in three levels: 18 bits, blocks of 64 entries, groups of 256 entries.

One writer, many compiled readers. A reader loads one aligned 32-bit entry, or two or three; each is whole at any
moment. Blocks and groups are filled before the entry that leads to them is published, and a group is reused only after
`retire` says so.
"""

from functools import partial
from typing import Any

import numpy as np

from bise.hot import Region, entry, expect, hot, load32, nth, prefetch, shift_left64
from bise.tables import writer32
from bise.tables.full import TableFull
from bise.tables.question import Question
from bise.tables.retire import Retire
from bise.tables.rules import RuleSet
from bise.tables.writer32 import (
    BELOW_BLOCK,
    BELOW_FIRST,
    BLOCK,
    BLOCK_SIZE,
    DEEPER,
    GROUP,
    GROUP_SIZE,
    VALUE,
    Home,
    Root32,
    Writer32,
    entry_of_block,
    entry_of_first,
    entry_of_group,
)


@hot
def look_up32(root, key):
    """The value of the longest prefix that holds `key`; 0 if none does. `root` is the table's address."""
    table = Root32(root)
    return _judge(table, load32(entry_of_first(table, key)), key)


@hot
def _judge(table, word, key):
    """What an entry says of a key."""
    if word & DEEPER:
        if word & BLOCK:
            word = load32(entry_of_block(table, word, key))
        if word & GROUP:
            word = load32(entry_of_group(table, word, key))
    value = word & VALUE
    return value if value else table.default


@hot
def ask32(root, question, key):
    """Begins a look-up that is made together with others: `seek32` comes next, then `found32`."""
    question.high = key
    question.table = root
    prefetch(entry_of_first(Root32(root), key))


@hot
def seek32(root, questions, count):
    """Goes on with an array of Questions: `answer` becomes the address of the entry that decides, save for the last
    8 bits. No branch depends on what is found: no processor could guess it."""
    table = Root32(root)
    for number in range(count):
        question = nth(Question, questions, number)
        place = entry_of_first(table, question.high)
        word = load32(place)
        inside = entry_of_block(table, word, question.high)
        leads = shift_left64(word, 32) >> 63  # BLOCK in all bits; the compiler turns all other forms into branches
        question.answer = place + (inside - place & leads)
        prefetch(question.answer)


@hot
def found32(root, question, key):
    """What `look_up32` says of `key`, by way of the Question if that is what this table was asked. Since it was sought,
    the first level may lead to a new block."""
    if expect(question.table ^ root | question.high ^ key, 0) == 0:
        return _judge(Root32(root), load32(question.answer), key)
    return look_up32(root, key)


@entry(2)
def answer(root, key):
    """`look_up32` for callers outside."""
    return look_up32(root, key)


class Prefix32:
    """The table and its writer: at most `capacity` prefixes, `groups` /24s with longer ones inside.

    `retire` decides when a freed group may be used again. Values are 1 to 2^24 - 1. `bits` is the width of the keys;
    fewer make a small table for tests. With 32, readers have 1 MiB, 256 octets for each /18 that ever had longer
    prefixes inside (64 MiB are set aside for all) and 1 KiB a group, of which only what is used is touched; where there
    are reserved huge pages, it lies there with all of it. The writer's own: 2 MiB, 6 octets a group, 32 a prefix.
    """

    def __init__(self, retire: Retire, capacity: int = 1 << 20, groups: int = 1 << 15, bits: int = 32) -> None:
        self.bits, self.capacity, self.groups = bits, capacity, groups
        self._retire = retire
        self.rules = RuleSet(capacity)
        entries = 1 << (bits - BELOW_FIRST)
        blocks = _aligned(4 * entries, BLOCK_SIZE)
        parts = blocks + entries * BLOCK_SIZE
        self._region = Region(parts + groups * GROUP_SIZE + Root32.size)
        self.address = self._region.address + parts + groups * GROUP_SIZE
        root = Root32(self.address)
        root.first, root.blocks, root.groups = (self._region.address + offset for offset in (0, blocks, parts))
        self._writer = self._own(root, entries)

    def _own(self, root: Root32, entries: int) -> Writer32:
        offsets = [Writer32.size]
        for size in (entries * Home.size, 4 * self.groups, 2 * self.groups):
            offsets.append(_aligned(offsets[-1] + size, 8))
        self._owned = Region(offsets.pop(), huge_pages=False)
        writer = Writer32(self._owned.address)
        writer.root, writer.rules = root.address, self.rules.address
        writer.homes, writer.free, writer.counts = (writer.address + offset for offset in offsets)
        writer.bits, writer.unused = self.bits, self.groups
        self._owned.array("<u4", offsets[1], self.groups)[:] = np.arange(self.groups)[::-1]
        return writer

    def insert(self, prefix: int, length: int, value: int) -> None:
        """Adds a prefix or gives it another value. Raises TableFull, ValueError."""
        done = writer32.insert(self._writer.address, prefix, length, value)
        if done < 0:
            raise self._fault(done, prefix, length, value)

    def delete(self, prefix: int, length: int) -> None:
        """Removes a prefix; what it covered shows again. Raises KeyError, ValueError."""
        freed = writer32.delete(self._writer.address, prefix, length)
        if freed >= 0:
            self._retire(partial(self._reuse, freed))
        elif freed != writer32.NO_GROUP:
            raise self._fault(freed, prefix, length)

    def _reuse(self, group: int) -> None:
        writer32.reuse(self._writer.address, group)

    def _reuse_all(self, groups: list[int]) -> None:
        for group in groups:
            self._reuse(group)

    def get(self, prefix: int, length: int) -> int:
        """The value given to exactly this prefix; 0 if there is none. Raises ValueError."""
        value = writer32.get(self._writer.address, prefix, length)
        if value < 0:
            raise self._fault(value, prefix, length)
        return value

    def look_up(self, key: int) -> int:
        """What a reader finds; 0 if nothing."""
        return answer(self.address, key)

    def load(self, prefixes: Any, lengths: Any, values: Any) -> "np.ndarray[Any, Any]":
        """Inserts many, from arrays of equal size; the values that they had before, 0 for none, are returned.

        TableFull tells by `done` how many went in, and by `before` what those had. ValueError, if one of them is wrong:
        none went in.
        """
        columns = [np.array(column, dtype="<i8") for column in (prefixes, lengths, values)]
        count = _rows(columns)
        done = writer32.load(self._writer.address, *(column.ctypes.data for column in columns), count)
        if done == writer32.WRONG:
            raise ValueError(f"some are no prefixes of {self.bits} bits, or their values not in 1 … {VALUE}")
        if done < count:
            row = [int(column[done]) for column in columns]
            full = self._fault(writer32.insert(self._writer.address, *row), *row)
            full.done, full.before = done, columns[2][:done]
            raise full
        return columns[2]

    def unload(self, prefixes: Any, lengths: Any) -> "np.ndarray[Any, Any]":
        """Removes many, from arrays of equal size; the values that they had, 0 where there was none, are returned.

        ValueError, if one of them is wrong: none was removed.
        """
        columns = [np.array(column, dtype="<i8") for column in (prefixes, lengths)]
        columns.append(np.zeros(len(columns[0]), "<i8"))
        count = _rows(columns)
        if writer32.unload(self._writer.address, *(column.ctypes.data for column in columns), count) < 0:
            raise ValueError(f"some are no prefixes of {self.bits} bits")
        freed = columns[1][columns[1] >= 0].tolist()
        if freed:
            self._retire(partial(self._reuse_all, freed))
        return columns[2]

    def held(self) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]":
        """All prefixes, their lengths and values, in no order."""
        rules = self.rules.held()
        prefixes = rules["high"].view("<u8") >> np.uint64(64 - self.bits)
        return prefixes.astype("<i8"), rules["mark"].astype("<i8") - 1, rules["value"].astype("<i8")

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def unused_groups(self) -> int:
        """How many more /24s may get longer prefixes now."""
        return int(self._writer.unused)

    def close(self) -> None:
        """Gives the memory back; no reader may be left."""
        for region in (self._region, self._owned, self.rules.region):
            region.close()

    def _fault(self, done: int, prefix: int, length: int, value: int = 1) -> Any:
        if done == writer32.ABSENT:
            return KeyError((prefix, length))
        if done == writer32.NO_RULE:
            return TableFull("prefix table", "prefixes", self.capacity)
        if done == writer32.NO_GROUP:
            return TableFull("prefix table", f"blocks with prefixes longer than {self.bits - BELOW_BLOCK}", self.groups)
        if not 0 < value <= VALUE:
            return ValueError(f"value {value} is not in 1 … {VALUE}")
        return ValueError(f"{prefix:#x}/{length} is no prefix of {self.bits} bits")


def _rows(columns: "list[np.ndarray[Any, Any]]") -> int:
    """How many rows there are. Raises ValueError where the columns differ in that."""
    if {column.shape for column in columns} != {(len(columns[0]),)}:
        raise ValueError("prefixes, lengths and values have to be of one size")
    return len(columns[0])


def _aligned(octets: int, to: int) -> int:
    return -(-octets // to) * to
