"""Longest prefix match on 128-bit keys, given as two signed halves: a direct first level, then a trie by octets.

One writer, many compiled readers. What a reader meets is whole at any moment: 32-bit cells are aligned, groups and
tails are filled before they are published, and reused only after `retire` says so.
"""

from functools import partial
from typing import Any

import numpy as np

from bise.hot import (
    Region,
    entry,
    expect,
    hot,
    load8,
    load32,
    lowest_bit,
    nth,
    prefetch,
    shift_left64,
    shift_right64,
    sub64,
)
from bise.tables import writer128
from bise.tables.full import TableFull
from bise.tables.question import Question
from bise.tables.retire import Retire
from bise.tables.rules import RuleSet
from bise.tables.trie128 import FANOUT, INNER, LEAF_SIZE, NUMBER, Leaf, Root128, Writer128, octet


@hot
def look_up128(root, high, low):
    """The value of the longest prefix that holds the key; 0 if none does. `root` is the table's address."""
    table = Root128(root)
    word = load32(_first(table, high))
    bits = 64 - table.shift
    while word & INNER:
        word = load32(table.cells + (((word & NUMBER) + octet(high, low, bits)) << 2))
        bits += 8
    return _judge(table, word, high, low)


@hot
def _first(table, high):
    """The address of the first cell that a key leads to."""
    return table.cells + (shift_right64(high, table.shift) << 2)


@hot
def _judge(table, word, high, low):
    """What a leaf says of a key."""
    leaf = Leaf(table.leaves + word * LEAF_SIZE)
    differs = (high ^ leaf.high) & leaf.mask_high | (low ^ leaf.low) & leaf.mask_low
    value = leaf.otherwise if differs else leaf.value
    return value if value else table.default


@hot
def ask128(root, question, high, low):
    """Begins a look-up that is made together with others: `seek128` comes next, then `found128`."""
    table = Root128(root)
    question.high = high
    question.low = low
    question.table = root
    prefetch(_first(table, high))


@hot
def seek128(root, questions, count):
    """Goes on with an array of 64 Questions at most, step by step, so that they wait for memory together: `answer`
    becomes the number of the leaf that decides."""
    table, left = Root128(root), 0
    for number in range(count):
        question = nth(Question, questions, number)
        word = load32(_first(table, question.high))
        left = _note(question, word, number, left)
    octets = (64 - table.shift) >> 3
    while left != 0:
        left = _step(table, questions, left, octets)
        octets += 1
    for number in range(count):
        prefetch(table.leaves + nth(Question, questions, number).answer * LEAF_SIZE)


@hot
def found128(root, question, high, low):
    """What `look_up128` says of a key, by way of the Question if that is what this table was asked."""
    if expect(question.table ^ root | question.high ^ high | question.low ^ low, 0) == 0:
        return _judge(Root128(root), question.answer, high, low)
    return look_up128(root, high, low)


@hot
def _step(table, questions, those, octets):
    """Goes on by the octet behind the first `octets` of their keys with the Questions whose bits are set; returns those
    that have to go on once more."""
    left, place = 0, octets ^ 7  # halves are little-endian
    while those != 0:
        number = lowest_bit(those)
        those &= sub64(those, 1)
        question = nth(Question, questions, number)
        cell = (question.answer & NUMBER) + load8(question.address + place)
        left = _note(question, load32(table.cells + (cell << 2)), number, left)
    return left


@hot
def _note(question, word, number, left):
    """Notes how far a question has come, and its bit if the word is INNER, without a branch: no processor could guess
    it."""
    question.answer = word
    return left | shift_left64(word >> 31, number)


@entry(3)
def answer(root, high, low):
    """`look_up128` for callers outside."""
    return look_up128(root, high, low)


def _signed(half: int) -> int:
    return (half + (1 << 63)) % (1 << 64) - (1 << 63)


class Prefix128:
    """The table and its writer: at most `capacity` prefixes and `groups` groups of 256 cells; values below `values`.

    `retire` decides when freed parts may be used again. Halves may be signed or unsigned. `first_bits` (8, 16 or 24) is
    the width of the first level. As given, 128 MiB for readers (a quarter million of the Internet's routes use half of
    the groups), and as the writer's own 25 MiB and 24 octets a prefix.
    """

    def __init__(
        self,
        retire: Retire,
        capacity: int = 1 << 18,
        groups: int = 1 << 16,
        values: int = 1 << 16,
        first_bits: int = 24,
    ) -> None:
        self.capacity, self.groups, self.values, self.first_bits = capacity, groups, values, first_bits
        self._retire = retire
        self.rules = RuleSet(capacity)
        self._first_cells = max(FANOUT, 1 << first_bits)
        cells = self._first_cells + groups * FANOUT
        tails = self.tails = 2 * capacity + 3
        self._cells = Region(4 * cells)
        self._leaves = Region(LEAF_SIZE * (values + tails + 1), huge_pages=False)
        self.address = self._leaves.address + LEAF_SIZE * (values + tails)
        root = Root128(self.address)
        root.cells, root.leaves, root.shift = self._cells.address, self._leaves.address, 64 - first_bits
        self._writer = self._own(root, cells, tails)
        plain = self._leaves.array("<u4", 0, values * LEAF_SIZE // 4).reshape(values, LEAF_SIZE // 4)
        plain[:, Leaf.value.offset // 4] = np.arange(values)

    def _own(self, root: Root128, cells: int, tails: int) -> Writer128:
        sizes = [Writer128.size, 16 * 16, 4 * self.groups, 4 * (1 + self.groups + tails), cells]
        offsets = [0]
        for size in sizes:
            offsets.append(-(-(offsets[-1] + size) // 64) * 64)
        self._owned = Region(offsets[-1], huge_pages=False)
        writer = Writer128(self._owned.address)
        writer.root, writer.cells, writer.leaves = root.address, root.cells, root.leaves
        writer.rules = self.rules.address
        writer.stack, writer.counts, writer.following, writer.lengths = (
            writer.address + offset for offset in offsets[1:5]
        )
        writer.first_bits, writer.first_cells, writer.values = self.first_bits, self._first_cells, self.values
        writer.groups = writer.unused_groups = self.groups
        writer.unused_tails = tails
        writer.free_groups, writer.free_tails = 1, self.groups + 1
        following = self._owned.array("<u4", offsets[3], 1 + self.groups + tails)
        following[:] = np.arange(1, len(following) + 1)
        following[[self.groups, -1]] = 0
        return writer

    def insert(self, high: int, low: int, length: int, value: int) -> None:
        """Adds a prefix or gives it another value. Raises TableFull, ValueError."""
        done = writer128.insert(self._writer.address, _signed(high), _signed(low), length, value)
        if done < 0:
            raise self._fault(done, high, low, length, value)
        self._leave(done)

    def delete(self, high: int, low: int, length: int) -> None:
        """Removes a prefix; what it covered shows again. Raises KeyError, ValueError."""
        done = writer128.delete(self._writer.address, _signed(high), _signed(low), length)
        if done < 0:
            raise self._fault(done, high, low, length)
        self._leave(done)

    def get(self, high: int, low: int, length: int) -> int:
        """The value given to exactly this prefix; 0 if there is none. Raises ValueError."""
        value = writer128.get(self._writer.address, _signed(high), _signed(low), length)
        if value < 0:
            raise self._fault(value, high, low, length)
        return value

    def look_up(self, high: int, low: int) -> int:
        """What a reader finds; 0 if nothing."""
        return answer(self.address, _signed(high), _signed(low))

    def load(self, highs: Any, lows: Any, lengths: Any, values: Any) -> "np.ndarray[Any, Any]":
        """Inserts many, from arrays of equal size; the values that they had before, 0 for none, are returned.

        TableFull tells by `done` how many went in, and by `before` what those had. ValueError, if one of them is wrong:
        none went in.
        """
        halves = [np.ascontiguousarray(column).astype("<i8", casting="unsafe") for column in (highs, lows)]
        columns = halves + [np.array(column, dtype="<i8") for column in (lengths, values)]
        if {column.shape for column in columns} != {(len(columns[0]),)}:
            raise ValueError("halves, lengths and values have to be of one size")
        count = len(columns[0])
        done = writer128.load(self._writer.address, *(column.ctypes.data for column in columns), count)
        self._leave(writer128.waiting(self._writer.address))
        if done == writer128.WRONG:
            raise ValueError(f"some are no prefixes, or their values not in 1 … {self.values - 1}")
        if done < count:
            row = [int(column[done]) for column in columns]
            full = self._fault(writer128.insert(self._writer.address, *row), *row)
            full.done, full.before = done, columns[3][:done]
            raise full
        return columns[3]

    def held(self) -> "tuple[np.ndarray[Any, Any], ...]":
        """All prefixes (signed halves), their lengths and values, in no order."""
        rules = self.rules.held()
        return rules["high"], rules["low"], rules["mark"].astype("<i8") - 1, rules["value"].astype("<i8")

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def unused_groups(self) -> int:
        """How many groups there are for more prefixes now."""
        return int(self._writer.unused_groups)

    @property
    def unused_tails(self) -> int:
        """How many of the `tails` for lone prefixes are not in use."""
        return int(self._writer.unused_tails)

    def close(self) -> None:
        """Gives the memory back; no reader may be left."""
        for region in (self._cells, self._leaves, self._owned, self.rules.region):
            region.close()

    def _leave(self, part: int) -> None:
        if part:
            self._retire(partial(self._take_back, part))

    def _take_back(self, part: int) -> None:
        writer128.take_back(self._writer.address, part)

    def _fault(self, done: int, high: int, low: int, length: int, value: int = 1) -> Any:
        if done == writer128.ABSENT:
            return KeyError((high, low, length))
        if done == writer128.NO_GROUP:
            return TableFull("prefix table", "groups of prefixes", self.groups)
        if done == writer128.NO_TAIL:
            return TableFull("prefix table", "prefixes and deleted ones that readers may still hold", self.tails)
        if done == writer128.NO_RULE:
            return TableFull("prefix table", "prefixes", self.capacity)
        if not 0 < value < self.values:
            return ValueError(f"value {value} is not in 1 … {self.values - 1}")
        return ValueError(f"{high:#x} {low:#x}/{length} is no prefix of 128 bits")
