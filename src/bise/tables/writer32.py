"""How `prefix32` is written: compiled, by the one writer. Every entry knows how long the prefix is that it came from.

An entry is BLOCK or GROUP and the number of one, or the length of its prefix (6 bits) and a value (24 bits). So a
prefix takes over exactly the entries of its range whose prefixes are not longer, and hands them back to the one it
covers. A block belongs to one entry of the first level for good: whoever still reads it after it was closed meets what
was right then, or what is right since it was opened again. So it needn't be retired, and there is always one.
"""

from bise.hot import (
    Header,
    entry,
    hot,
    le32,
    le64,
    load16,
    load32,
    load64,
    nth,
    prefetch,
    replace_run32,
    shift_left64,
    store16,
    store32,
    store64,
    store_release32,
)
from bise.tables import rules

BELOW_FIRST, BELOW_BLOCK = 14, 8  # bits of a key that come behind those that choose an entry there
BLOCK_SIZE = 4 << (BELOW_FIRST - BELOW_BLOCK)
GROUP_SIZE = 4 << BELOW_BLOCK
BLOCK, GROUP = 1 << 31, 1 << 30
DEEPER = BLOCK | GROUP
VALUE = (1 << 24) - 1
AHEAD = 8  # rows, when many are written
NO_RULE, NO_GROUP, ABSENT, WRONG = -1, -2, -3, -4


class Root32(Header):
    """What readers need: the addresses of the three levels, and the value of the prefix of length 0.

    That one is kept here and not in the entries, so that it changes at once and what nothing else uses stays untouched.
    """

    first = le64(constant=True)
    blocks = le64(constant=True)
    groups = le64(constant=True)
    default = le64()


class Home(Header):
    """What belongs to an entry of the first level: the `block` of this number, less one (0: it never had any), and how
    many prefixes are `held` there and in its groups.
    """

    block = le32()
    held = le32()


class Writer32(Header):
    """What the writer knows: addresses of `homes`, of the numbers of prefixes in each group (`counts`), and of the list
    of unused groups (`free`); how many of those there are (`unused`), and how many blocks have a home.
    """

    root = le64(constant=True)
    rules = le64(constant=True)
    homes = le64(constant=True)
    counts = le64(constant=True)
    free = le64(constant=True)
    bits = le64(constant=True)
    unused = le64()
    blocks = le64()


@hot
def entry_of_first(root, key):
    """The address of the first level's entry for a key."""
    return root.first + (key >> BELOW_FIRST << 2)


@hot
def entry_of_block(root, word, key):
    """The address of the entry for a key in the block to which a word leads."""
    return root.blocks + (word & VALUE) * BLOCK_SIZE + ((key >> BELOW_BLOCK << 2) & (BLOCK_SIZE - 1))


@hot
def entry_of_group(root, word, key):
    """The address of the entry for a key in the group to which a word leads."""
    return root.groups + (word & VALUE) * GROUP_SIZE + ((key << 2) & (GROUP_SIZE - 1))


@hot
def _packed(value, length):
    return length << 24 | value


@hot
def _length(word):
    return word >> 24


@hot
def _deciding(table, key):
    """The address of the entry that decides about a key; how many bits the entry leaves open, and all of its part."""
    root = Root32(table.root)
    place = entry_of_first(root, key)
    word = load32(place)
    if word & BLOCK == 0:
        return place, BELOW_FIRST, table.bits
    place = entry_of_block(root, word, key)
    word = load32(place)
    if word & GROUP == 0:
        return place, BELOW_BLOCK, BELOW_FIRST
    return entry_of_group(root, word, key), 0, BELOW_BLOCK


@hot
def _paint(table, prefix, length, word):
    """Takes over the entries of a range that belong to no longer prefix."""
    if length == 0:
        Root32(table.root).default = word
        return
    key, last = prefix, prefix + (1 << (table.bits - length)) - 1
    while key <= last:
        place, beyond, whole = _deciding(table, key)
        found = load32(place)
        if _length(found) > length:
            key += 1 << beyond
            continue
        end = key | ((1 << whole) - 1)
        count = ((end if end < last else last) - key >> beyond) + 1
        key += replace_run32(place, count, found, word) << beyond


@hot
def _open(place, start, size, leads):
    """Fills a block or a group with what an entry says, and puts it behind that."""
    found = load32(place)
    for cell in range(start, start + size, 4):
        store32(cell, found)
    store_release32(place, leads)


@hot
def _close(place, start):
    """Puts what all of a block or a group says into the entry that leads there."""
    store_release32(place, load32(start))


@hot
def _home(table, prefix):
    return nth(Home, table.homes, prefix >> BELOW_FIRST)


@hot
def _count_in_group(table, word, change):
    counted = table.counts + ((word & VALUE) << 1)
    left = load16(counted) + change
    store16(counted, left)
    return left


@hot
def _open_block(table, home, prefix):
    """A block of its own, or the one that it had before."""
    if home.block == 0:
        table.blocks += 1
        home.block = table.blocks
    root, number = Root32(table.root), home.block - 1
    _open(entry_of_first(root, prefix), entry_of_block(root, number, 0), BLOCK_SIZE, BLOCK | number)


@hot
def _open_group(table, place):
    """There is an unused one."""
    table.unused -= 1
    number = load32(table.free + 4 * table.unused)
    _open(place, entry_of_group(Root32(table.root), number, 0), GROUP_SIZE, GROUP | number)


@hot
def _needs_group(table, prefix, length):
    """Whether a prefix lies in a group that there isn't yet."""
    if length <= table.bits - BELOW_BLOCK:
        return False
    root = Root32(table.root)
    word = load32(entry_of_first(root, prefix))
    return word & BLOCK == 0 or load32(entry_of_block(root, word, prefix)) & GROUP == 0


@hot
def _enter(table, prefix, length):
    """Counts a new prefix where it lies, and opens what it needs for that. There is a group for it."""
    if length <= table.bits - BELOW_FIRST:
        return
    root, home = Root32(table.root), _home(table, prefix)
    if home.held == 0:
        _open_block(table, home, prefix)
    home.held += 1
    if length <= table.bits - BELOW_BLOCK:
        return
    place = entry_of_block(root, home.block - 1, prefix)
    if load32(place) & GROUP == 0:
        _open_group(table, place)
    _count_in_group(table, load32(place), 1)


@hot
def _leave(table, prefix, length):
    """Counts a prefix no more, and closes what it alone needed; the number of the group among that, or NO_GROUP."""
    freed = NO_GROUP
    if length <= table.bits - BELOW_FIRST:
        return freed
    root, home = Root32(table.root), _home(table, prefix)
    place = entry_of_block(root, home.block - 1, prefix)
    word = load32(place)
    if length > table.bits - BELOW_BLOCK and _count_in_group(table, word, -1) == 0:
        _close(place, entry_of_group(root, word, 0))
        freed = word & VALUE
    home.held -= 1
    if home.held == 0:
        _close(entry_of_first(root, prefix), place)
    return freed


@hot
def _insert(table, prefix, length, value):
    high = shift_left64(prefix, 64 - table.bits)
    slot = rules.find(table.rules, high, 0, length)
    known = rules.value_at(slot)
    if known == value:
        return known
    if known == 0:
        if rules.Rules(table.rules).used >= rules.Rules(table.rules).capacity:
            return NO_RULE
        if table.unused == 0 and _needs_group(table, prefix, length):
            return NO_GROUP
        _enter(table, prefix, length)
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
    return _leave(table, prefix, length)


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


@hot
def _ask(table, prefix, length):
    """Asks for the cache lines that writing a prefix will need."""
    root = Root32(table.root)
    rules.ask(table.rules, shift_left64(prefix, 64 - table.bits), 0, length)
    prefetch(_home(table, prefix).address)
    word = load32(entry_of_first(root, prefix))
    if word & BLOCK:
        prefetch(entry_of_block(root, word, prefix))


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
        ahead = place + 8 * AHEAD
        if ahead < 8 * count:
            _ask(table, load64(prefixes + ahead), load64(lengths + ahead))
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
