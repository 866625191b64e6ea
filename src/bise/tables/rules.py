"""What was asked of a prefix table: every (prefix, length) with its value, also those that longer ones cover entirely.

Only the writer uses it: to tell new from old, and to find what shows again when a prefix is deleted. Prefixes are 128
bits in two halves; shorter keys stand at the top of the high half. Open addressing, deletion by moving back.
"""

from typing import Any

import numpy as np

from bise.hot import Header, Region, hot, le32, le64, load64, mix64, prefetch, shift_left64, shift_right64, store64

LENGTHS = 129
_SLOT = np.dtype([("high", "<i8"), ("low", "<i8"), ("value", "<u4"), ("mark", "<u4")])


class Rule(Header):
    """One slot. `mark` is the length and one; 0 says that the slot is free."""

    high = le64()
    low = le64()
    value = le32()
    mark = le32()


RULE_SIZE = Rule.size


class Rules(Header):
    """The set: `slots` and `lengths` (how many rules of each length) are addresses."""

    slots = le64(constant=True)
    lengths = le64(constant=True)
    room = le64(constant=True)
    capacity = le64(constant=True)
    used = le64()


@hot
def mask_high(length: int) -> int:
    """The high half of a mask of `length` bits."""
    if length <= 0:
        return 0
    return shift_left64(-1, 64 - length) if length < 64 else -1


@hot
def mask_low(length: int) -> int:
    """The low half of a mask of `length` bits."""
    if length <= 64:
        return 0
    return shift_left64(-1, 128 - length) if length < 128 else -1


@hot
def _home(rules, high, low, mark):
    spread = shift_right64(mix64(high ^ mix64(low ^ mark)), 32)
    return (spread * Rules(rules).room >> 32) * RULE_SIZE


@hot
def ask(rules, high, low, length):
    """Asks for the cache line that `find` will need first."""
    prefetch(Rules(rules).slots + _home(rules, high, low, length + 1))


@hot
def find(rules, high, low, length):
    """The address of the rule's slot, or of the free slot where it belongs."""
    table = Rules(rules)
    offset, end, mark = _home(rules, high, low, length + 1), table.room * RULE_SIZE, length + 1
    while True:
        rule = Rule(table.slots + offset)
        if rule.mark == 0 or (rule.mark == mark and rule.high == high and rule.low == low):
            return table.slots + offset
        offset += RULE_SIZE
        if offset == end:
            offset = 0


@hot
def value_at(slot):
    """The value of the rule in `slot`; 0 if it is free."""
    return Rule(slot).value if Rule(slot).mark else 0


@hot
def put(rules, slot, high, low, length, value):
    """Writes a rule to the slot that `find` gave for it. The caller has seen to it that there is room."""
    rule, table = Rule(slot), Rules(rules)
    if rule.mark == 0:
        table.used += 1
        store64(table.lengths + 8 * length, load64(table.lengths + 8 * length) + 1)
    rule.high = high
    rule.low = low
    rule.mark = length + 1
    rule.value = value


@hot
def take(rules, slot):
    """Removes the rule in `slot`; those behind it that would no longer be found move back."""
    table = Rules(rules)
    size = table.room * RULE_SIZE
    counted = table.lengths + 8 * (Rule(slot).mark - 1)
    store64(counted, load64(counted) - 1)
    table.used -= 1
    hole = offset = slot - table.slots
    while True:
        offset += RULE_SIZE
        if offset == size:
            offset = 0
        rule = Rule(table.slots + offset)
        if rule.mark == 0:
            break
        wanted = _home(rules, rule.high, rule.low, rule.mark)
        if (offset - wanted + size) % size >= (offset - hole + size) % size:
            _copy(table.slots + offset, table.slots + hole)
            hole = offset
    Rule(table.slots + hole).mark = 0


@hot
def _copy(source, target):
    for offset in range(0, RULE_SIZE, 8):
        store64(target + offset, load64(source + offset))


@hot
def covering(rules, high, low, length):
    """The longest rule shorter than `length` that holds the prefix: value << 8 | its length; 0 if there is none.

    The rule of length 0 isn't asked: tables keep its value apart.
    """
    table = Rules(rules)
    shorter = length - 1
    while shorter > 0:
        if load64(table.lengths + 8 * shorter):
            slot = find(rules, high & mask_high(shorter), low & mask_low(shorter), shorter)
            if Rule(slot).mark:
                return Rule(slot).value << 8 | shorter
        shorter -= 1
    return 0


class RuleSet:
    """The memory of a set of at most `capacity` rules; `address` is its Rules record."""

    def __init__(self, capacity: int) -> None:
        room = capacity * 4 // 3 + 2
        self._slots_offset = -(-(Rules.size + 8 * LENGTHS) // 64) * 64
        self.region = Region(self._slots_offset + room * Rule.size, huge_pages=False)
        self.address = self.region.address
        self.record = Rules(self.address)
        self.record.lengths = self.address + Rules.size
        self.record.slots = self.address + self._slots_offset
        self.record.room = self.room = room
        self.record.capacity = self.capacity = capacity

    def __len__(self) -> int:
        return int(self.record.used)

    def held(self) -> "np.ndarray[Any, Any]":
        """A copy of all rules, in no order: fields high, low, value and mark (the length and one)."""
        slots = self.region.array(_SLOT, self._slots_offset, self.room)
        return np.compress(slots["mark"] != 0, slots)
