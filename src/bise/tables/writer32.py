"""How `prefix32` is written: compiled, by the one writer. Every entry knows how long the prefix is that it came from.

An entry is GROUP and the number of a group, or the length of its prefix (6 bits) and a value (24 bits). So a prefix
takes over exactly the entries of its range whose prefixes are not longer, and hands them back to the one it covers.
"""

from bise.hot import (
    Header,
    entry,
    hot,
    le64,
    load16,
    load32,
    load64,
    replace_run32,
    shift_left64,
    store16,
    store32,
    store64,
    store_release32,
)
from bise.tables import rules

FIRST_BITS_LESS = 8
GROUP_ENTRIES = 256
GROUP_SIZE = 4 * GROUP_ENTRIES
GROUP = 1 << 31
VALUE = (1 << 24) - 1
NO_RULE, NO_GROUP, ABSENT, WRONG = -1, -2, -3, -4


class Root32(Header):
    """What readers need: addresses of the first level and of the groups, and the value of the prefix of length 0.

    That one is kept here and not in the entries, so that it changes at once and what nothing else uses stays untouched.
    """

    first = le64(constant=True)
    groups = le64(constant=True)
    default = le64()


class Writer32(Header):
    """What the writer knows: `counts` has the number of long prefixes in each group, `free` lists unused groups."""

    root = le64(constant=True)
    first = le64(constant=True)
    groups = le64(constant=True)
    rules = le64(constant=True)
    counts = le64(constant=True)
    free = le64(constant=True)
    bits = le64(constant=True)
    unused = le64()


@hot
def _packed(value, length):
    return length << 24 | value


@hot
def _length(word):
    return word >> 24


@hot
def _group(table, word):
    return table.groups + (word & VALUE) * GROUP_SIZE


@hot
def _paint_group(start, count, length, word):
    for place in range(start, start + 4 * count, 4):
        if _length(load32(place)) <= length:
            store32(place, word)


@hot
def _paint_first(table, start, count, length, word):
    done = 0
    while done < count:
        place = start + 4 * done
        found = load32(place)
        if found & GROUP == 0 and _length(found) <= length:
            done += replace_run32(place, count - done, found, word)
            continue
        if found & GROUP:
            _paint_group(_group(table, found), GROUP_ENTRIES, length, word)
        done += 1


@hot
def _paint(table, prefix, length, word):
    """Takes over the entries of a range that belong to no longer prefix."""
    if length == 0:
        Root32(table.root).default = word
        return
    left = table.bits - length
    place = table.first + (prefix >> 8 << 2)
    if left >= 8:
        _paint_first(table, place, 1 << (left - 8), length, word)
    else:
        _paint_group(_group(table, load32(place)) + ((prefix & 255) << 2), 1 << left, length, word)


@hot
def _open_group(table, place):
    """Puts a group that says the same behind a first-level entry. There is an unused one."""
    found = load32(place)
    table.unused -= 1
    number = load32(table.free + 4 * table.unused)
    store16(table.counts + 2 * number, 0)
    start = table.groups + number * GROUP_SIZE
    for cell in range(start, start + GROUP_SIZE, 4):
        store32(cell, found)
    store_release32(place, GROUP | number)


@hot
def _count(table, place, change):
    counted = table.counts + 2 * (load32(place) & VALUE)
    left = load16(counted) + change
    store16(counted, left)
    return left


@hot
def _insert(table, prefix, length, value):
    high = shift_left64(prefix, 64 - table.bits)
    slot = rules.find(table.rules, high, 0, length)
    known = rules.value_at(slot)
    if known == value:
        return known
    if known == 0 and rules.Rules(table.rules).used >= rules.Rules(table.rules).capacity:
        return NO_RULE
    if length > table.bits - FIRST_BITS_LESS:
        place = table.first + (prefix >> 8 << 2)
        if load32(place) & GROUP == 0:
            if table.unused == 0:
                return NO_GROUP
            _open_group(table, place)
        if known == 0:
            _count(table, place, 1)
    rules.put(table.rules, slot, high, 0, length, value)
    _paint(table, prefix, length, _packed(value, length))
    return known


@hot
def _delete(table, prefix, length):
    """The group that nobody reaches any more, NO_GROUP if there is none; or ABSENT."""
    high = shift_left64(prefix, 64 - table.bits)
    slot = rules.find(table.rules, high, 0, length)
    if rules.value_at(slot) == 0:
        return ABSENT
    rules.take(table.rules, slot)
    cover = rules.covering(table.rules, high, 0, length)
    _paint(table, prefix, length, _packed(cover >> 8, cover & 255))
    place = table.first + (prefix >> 8 << 2)
    if length <= table.bits - FIRST_BITS_LESS or _count(table, place, -1):
        return NO_GROUP
    number = load32(place) & VALUE
    store_release32(place, load32(table.groups + number * GROUP_SIZE))  # all of them say the same now
    return number


@hot
def _value(table, prefix, length):
    return rules.value_at(rules.find(table.rules, shift_left64(prefix, 64 - table.bits), 0, length))


@hot
def _wrong_prefix(table, prefix, length):
    if length < 0 or length > table.bits:
        return True
    return prefix < 0 or prefix >> table.bits != 0 or prefix & ((1 << (table.bits - length)) - 1) != 0


@hot
def _wrong(table, prefix, length, value):
    return _wrong_prefix(table, prefix, length) or value <= 0 or value > VALUE


@entry(4)
def insert(writer, prefix, length, value):
    """The value before, 0 if there was none; or WRONG, NO_RULE or NO_GROUP, and nothing changed."""
    table = Writer32(writer)
    if _wrong(table, prefix, length, value):
        return WRONG
    return _insert(table, prefix, length, value)


@entry(5)
def load(writer, prefixes, lengths, values, count):
    """Inserts from three arrays of 64-bit integers; how many went in, or WRONG, and nothing changed.

    In the places of the values that went in are those from before, 0 where there was none."""
    table = Writer32(writer)
    for place in range(0, 8 * count, 8):
        if _wrong(table, load64(prefixes + place), load64(lengths + place), load64(values + place)):
            return WRONG
    for place in range(0, 8 * count, 8):
        before = _insert(table, load64(prefixes + place), load64(lengths + place), load64(values + place))
        if before < 0:
            return place >> 3
        store64(values + place, before)
    return count


@entry(3)
def delete(writer, prefix, length):
    """The number of a group that nobody reaches any more, NO_GROUP if there is none; or WRONG or ABSENT."""
    table = Writer32(writer)
    if _wrong_prefix(table, prefix, length):
        return WRONG
    return _delete(table, prefix, length)


@entry(5)
def unload(writer, prefixes, lengths, values, count):
    """Deletes what two arrays of 64-bit integers name, and what is there of it; WRONG, and nothing changed, or 0.

    `values` becomes what was there, 0 for nothing, and `lengths` the groups that nobody reaches any more, or less than
    0."""
    table = Writer32(writer)
    for place in range(0, 8 * count, 8):
        if _wrong_prefix(table, load64(prefixes + place), load64(lengths + place)):
            return WRONG
    for place in range(0, 8 * count, 8):
        prefix, length = load64(prefixes + place), load64(lengths + place)
        store64(values + place, _value(table, prefix, length))
        store64(lengths + place, _delete(table, prefix, length))
    return 0


@entry(2)
def reuse(writer, number):
    """Takes back a group that no reader can hold any more."""
    table = Writer32(writer)
    store32(table.free + 4 * table.unused, number)
    table.unused += 1
    return 0


@entry(3)
def get(writer, prefix, length):
    """The value of exactly this prefix; 0 if there is none, or WRONG."""
    table = Writer32(writer)
    if _wrong_prefix(table, prefix, length):
        return WRONG
    return _value(table, prefix, length)
