"""How `prefix128` is written: compiled, by the one writer.

A rule of the first level's bits or fewer takes over cells of the first level. A longer one hangs in the tree: alone in
its part as a tail, with others in a group, one group for each octet until they part.
"""

from bise.hot import entry, hot, load64, shift_left64, shift_right64, store64, store_release32
from bise.tables import rules
from bise.tables.trie128 import (
    FANOUT,
    INNER,
    NUMBER,
    Root128,
    Writer128,
    cell_at,
    count,
    is_tail,
    leaf_at,
    leave_group,
    leave_tail,
    length_at,
    new_group,
    new_tail,
    octet,
    reuse,
    set_cell,
    set_length,
    taken,
)

NO_RULE, NO_GROUP, NO_TAIL, ABSENT, WRONG = -1, -2, -3, -4, -5


@hot
def _paint(table, number, cells, below, value, length):
    """Gives the cells of a range and all behind them another cover, save what longer prefixes than `below` own."""
    end, depth = number + cells, 0
    while True:
        if number == end:
            if depth == 0:
                break
            depth -= 1
            number, end = load64(table.stack + 16 * depth), load64(table.stack + 16 * depth + 8)
            continue
        word = cell_at(table, number)
        mine = length_at(table, number) <= below
        if mine:
            set_length(table, number, length)
        if mine and word & INNER:
            store64(table.stack + 16 * depth, number + 1)
            store64(table.stack + 16 * depth + 8, end)
            depth += 1
            number = word & NUMBER
            end = number + FANOUT
            continue
        if mine and word >= table.values:
            leaf_at(table, word).otherwise = value
        elif mine:
            set_cell(table, number, value)
        number += 1


@hot
def _first(table, high):
    return shift_right64(high, 64 - table.first_bits)


@hot
def _locate(table, high, low, length, change):
    """Walks to the cell where a rule longer than the first level belongs: its number and the bits that lead there.

    It is the first that leads to no group, or that the rule, or the first of those that it takes. Counts `change` on
    all groups on the way.
    """
    number, bits = _first(table, high), table.first_bits
    while True:
        word = cell_at(table, number)
        if word & INNER == 0 or bits >= length:
            return number, bits
        count(table, word & NUMBER, change)
        number = (word & NUMBER) + octet(high, low, bits)
        bits += 8


@hot
def _hang(table, number, high, low, length, value, otherwise):
    """Makes the cell a tail: this rule, and for other keys `otherwise`."""
    leaf_number = new_tail(table)
    leaf = leaf_at(table, leaf_number)
    leaf.high = high
    leaf.mask_high = rules.mask_high(length)
    leaf.low = low
    leaf.mask_low = rules.mask_low(length)
    leaf.length = length
    leaf.value = value
    leaf.otherwise = otherwise
    store_release32(table.cells + (number << 2), leaf_number)


@hot
def _place(table, cells, bits, high, low, length, value):
    """Puts a rule into a group in which no other rule has its octet."""
    number = cells + octet(high, low, bits)
    if length > bits + 8:
        _hang(table, number, high, low, length, value, cell_at(table, number))
    else:
        _paint(table, number, 1 << (bits + 8 - length), length, value, length)


@hot
def _part(table, bits, one, high, low, length):
    """How many bits lead to the group in which two rules part."""
    while one.length > bits + 8 and length > bits + 8 and octet(one.high, one.low, bits) == octet(high, low, bits):
        bits += 8
    return bits


@hot
def _split(table, number, bits, high, low, length, value):
    """Where one rule hung alone there are two now: fills groups until they part, then publishes the first."""
    tail = cell_at(table, number)
    one = leaf_at(table, tail)
    last, cover = _part(table, bits, one, high, low, length), length_at(table, number)
    top = cells = new_group(table, one.otherwise, cover)
    count(table, cells, 2)
    while bits < last:
        inner = new_group(table, one.otherwise, cover)
        count(table, inner, 2)
        set_cell(table, cells + octet(high, low, bits), INNER | inner)
        cells = inner
        bits += 8
    _place(table, cells, bits, one.high, one.low, one.length, one.value)
    _place(table, cells, bits, high, low, length, value)
    store_release32(table.cells + (number << 2), INNER | top)
    leave_tail(table, tail)


@hot
def _lacks(table, high, low, length):
    """What a new rule needs and isn't there: NO_RULE, NO_GROUP, NO_TAIL; else 0."""
    known = rules.Rules(table.rules)
    if known.used >= known.capacity:
        return NO_RULE
    if length <= table.first_bits:
        return 0
    if table.unused_tails < known.used - table.tails + 3:  # so that a deletion always finds one
        return NO_TAIL
    number, bits = _locate(table, high, low, length, 0)
    word = cell_at(table, number)
    if bits < length and is_tail(table, word):
        last = _part(table, bits, leaf_at(table, word), high, low, length)
        if table.unused_groups <= (last - bits) >> 3:
            return NO_GROUP
    return 0


@hot
def _add(table, high, low, length, value, new):
    """Brings a rule, new or with another value, into the tree."""
    if length == 0:
        Root128(table.root).default = value
        return
    if length <= table.first_bits:
        _paint(table, _first(table, high), 1 << (table.first_bits - length), length, value, length)
        return
    number, bits = _locate(table, high, low, length, new)
    word = cell_at(table, number)
    if bits >= length:
        _paint(table, number, 1 << (bits - length), length, value, length)
    elif not is_tail(table, word):
        _hang(table, number, high, low, length, value, word)
    elif new:
        _split(table, number, bits, high, low, length, value)
    else:
        leaf_at(table, word).value = value


@hot
def _insert(table, high, low, length, value):
    slot = rules.find(table.rules, high, low, length)
    known = rules.value_at(slot)
    if known == value:
        return known
    if known == 0:
        lacking = _lacks(table, high, low, length)
        if lacking:
            return lacking
    rules.put(table.rules, slot, high, low, length, value)
    _add(table, high, low, length, value, 1 if known == 0 else 0)
    return known


@hot
def _wrong_prefix(high, low, length):
    behind = (high & ~rules.mask_high(length)) | (low & ~rules.mask_low(length))
    return length < 0 or length > 128 or behind != 0


@hot
def _wrong(table, high, low, length, value):
    return _wrong_prefix(high, low, length) or value <= 0 or value >= table.values


@entry(5)
def insert(writer, high, low, length, value):
    """The chain of parts that readers may still hold; or WRONG, NO_RULE, NO_GROUP, NO_TAIL, and nothing changed."""
    table = Writer128(writer)
    if _wrong(table, high, low, length, value):
        return WRONG
    before = _insert(table, high, low, length, value)
    return before if before < 0 else taken(table)


@entry(6)
def load(writer, highs, lows, lengths, values, count):
    """Inserts from four arrays of 64-bit integers; how many went in, or WRONG, and nothing changed.

    In the places of the values that went in are those from before, 0 where there was none."""
    table = Writer128(writer)
    for place in range(0, 8 * count, 8):
        high, low = load64(highs + place), load64(lows + place)
        if _wrong(table, high, low, load64(lengths + place), load64(values + place)):
            return WRONG
    for place in range(0, 8 * count, 8):
        high, low = load64(highs + place), load64(lows + place)
        before = _insert(table, high, low, load64(lengths + place), load64(values + place))
        if before < 0:
            return place >> 3
        store64(values + place, before)
    return count


@hot
def _lift(table, number, bits, high, low):
    """One rule is left in the groups behind a cell: it hangs there as a tail now, and the groups go to limbo.

    `high` and `low` are those of the rule that is gone, which leads to all of these groups, too.
    """
    cells = cell_at(table, number) & NUMBER
    found = _only(table, cells, bits)
    while cell_at(table, found) & INNER:
        leave_group(table, cells)
        cells = cell_at(table, found) & NUMBER
        bits += 8
        found = _only(table, cells, bits)
    leave_group(table, cells)
    word = cell_at(table, found)
    if is_tail(table, word):
        store_release32(table.cells + (number << 2), word)
        return
    high, low = _longer(high, low, bits, found - cells)
    other = cells if found > cells else cells + FANOUT - 1  # no rule takes both
    _hang(table, number, high, low, length_at(table, found), word, cell_at(table, other))


@hot
def _only(table, cells, bits):
    """The first cell of a group that says anything else than what covers them all."""
    number = cells
    while length_at(table, number) <= bits and cell_at(table, number) < table.values:
        number += 1
    return number


@hot
def _longer(high, low, bits, value):
    """A prefix of `bits`, made an octet longer."""
    high, low = high & rules.mask_high(bits), low & rules.mask_low(bits)
    if bits < 64:
        return high | shift_left64(value, 56 - bits), low
    return high, low | shift_left64(value, 120 - bits)


@hot
def _remove(table, high, low, length, cover):
    """Takes a rule longer than the first level out of the tree."""
    number, bits = _locate(table, high, low, length, -1)
    if bits >= length:
        _paint(table, number, 1 << (bits - length), length, cover >> 8, cover & 255)
    else:
        tail = cell_at(table, number)
        set_cell(table, number, leaf_at(table, tail).otherwise)
        leave_tail(table, tail)
    number, bits = _first(table, high), table.first_bits
    while bits < length and cell_at(table, number) & INNER:
        cells = cell_at(table, number) & NUMBER
        if count(table, cells, 0) == 1:
            _lift(table, number, bits, high, low)
            break
        number = cells + octet(high, low, bits)
        bits += 8


@entry(4)
def delete(writer, high, low, length):
    """The chain of parts that readers may still hold, or WRONG or ABSENT."""
    table = Writer128(writer)
    if _wrong_prefix(high, low, length):
        return WRONG
    slot = rules.find(table.rules, high, low, length)
    if rules.value_at(slot) == 0:
        return ABSENT
    rules.take(table.rules, slot)
    cover = rules.covering(table.rules, high, low, length)
    if length == 0:
        Root128(table.root).default = 0
    elif length > table.first_bits:
        _remove(table, high, low, length, cover)
    else:
        cells = 1 << (table.first_bits - length)
        _paint(table, _first(table, high), cells, length, cover >> 8, cover & 255)
    return taken(table)


@entry(4)
def get(writer, high, low, length):
    """The value of exactly this prefix; 0 if there is none, or WRONG."""
    if _wrong_prefix(high, low, length):
        return WRONG
    return rules.value_at(rules.find(Writer128(writer).rules, high, low, length))


@entry(1)
def waiting(writer):
    """The chain of parts that readers may still hold."""
    return taken(Writer128(writer))


@entry(2)
def take_back(writer, part):
    """A chain of parts that no reader can hold any more is free again."""
    reuse(Writer128(writer), part)
    return 0
