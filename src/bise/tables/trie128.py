"""The memory of `prefix128`, shared by its readers and its one writer.

Cells are 32 bits. A cell is INNER and the number of the first of 256 cells for the next octet of the key, or the
number of a leaf. Leaves below `values` stand for the value of their own number and match every key; the others,
*tails*, hold a rule that is alone in its part of the tree: they compare all of the key, so no cells are spent on the
way to it. Beside each cell the writer keeps the length of the prefix that covers the cell's part of the tree.
"""

from bise.hot import Header, hot, le32, le64, load8, load32, shift_right64, store8, store32

INNER = 1 << 31
NUMBER = INNER - 1
FANOUT = 256
LEAF_SHIFT = 6
LEAF_SIZE = 1 << LEAF_SHIFT


class Root128(Header):
    """What readers need. `shift` is 64 less the bits of the first level; `default` the value of the prefix of length 0.

    That one is kept here and not in the cells, so that it changes at once and what nothing else uses stays untouched.
    """

    cells = le64(constant=True)
    leaves = le64(constant=True)
    shift = le64(constant=True)
    default = le64()


class Leaf(Header):
    """A value for keys that agree in the masked bits, and what holds for those that don't."""

    high = le64()
    mask_high = le64()
    low = le64()
    mask_low = le64()
    value = le32()
    otherwise = le32()
    length = le32()


class Writer128(Header):
    """What the writer knows. Groups and tails are parts, numbered from 1; `following` chains those not in use.

    `counts` has the number of rules in each group; `limbo` is a chain of parts that readers may still see.
    """

    root = le64(constant=True)
    cells = le64(constant=True)
    leaves = le64(constant=True)
    rules = le64(constant=True)
    lengths = le64(constant=True)
    counts = le64(constant=True)
    following = le64(constant=True)
    stack = le64(constant=True)
    first_bits = le64(constant=True)
    first_cells = le64(constant=True)
    values = le64(constant=True)
    groups = le64(constant=True)
    free_groups = le64()
    free_tails = le64()
    unused_groups = le64()
    unused_tails = le64()
    tails = le64()
    limbo = le64()


@hot
def octet(high, low, bits):
    """The octet of a key behind its first `bits`."""
    half = high if bits < 64 else low
    return shift_right64(half, (56 - bits) & 63) & 255


@hot
def cell_at(table, number):
    """What a cell holds."""
    return load32(table.cells + (number << 2))


@hot
def set_cell(table, number, word):
    """Changes a cell at once."""
    store32(table.cells + (number << 2), word)


@hot
def length_at(table, number):
    """The length of the prefix that covers all of a cell's part of the tree."""
    return load8(table.lengths + number)


@hot
def set_length(table, number, length):
    """Only the writer looks at it."""
    store8(table.lengths + number, length)


@hot
def leaf_at(table, number):
    """The leaf of this number."""
    return Leaf(table.leaves + (number << LEAF_SHIFT))


@hot
def is_tail(table, word):
    """Whether a cell leads to a rule that is alone."""
    return word & INNER == 0 and word >= table.values


@hot
def count_of(table, cells):
    """The address of the number of rules in the group that begins with this cell."""
    return table.counts + (((cells - table.first_cells) >> 8) << 2)


@hot
def count(table, cells, change):
    """Counts rules in a group; returns how many there are now."""
    left = load32(count_of(table, cells)) + change
    store32(count_of(table, cells), left)
    return left


@hot
def chain(table, part, next_part):
    """Puts a part in front of another."""
    store32(table.following + (part << 2), next_part)


@hot
def after(table, part):
    """The part behind this one; 0 at the end."""
    return load32(table.following + (part << 2))


@hot
def new_group(table, word, length):
    """256 cells that all say the same; returns the number of the first. There is an unused group."""
    part = table.free_groups
    table.free_groups = after(table, part)
    table.unused_groups -= 1
    cells = table.first_cells + (part - 1) * FANOUT
    for number in range(cells, cells + FANOUT):
        set_cell(table, number, word)
        set_length(table, number, length)
    store32(count_of(table, cells), 0)
    return cells


@hot
def new_tail(table):
    """The number of a leaf for one rule. There is an unused one."""
    part = table.free_tails
    table.free_tails = after(table, part)
    table.unused_tails -= 1
    table.tails += 1
    return part - 1 - table.groups + table.values


@hot
def leave(table, part):
    """Readers may still see this part; it waits in limbo."""
    chain(table, part, table.limbo)
    table.limbo = part


@hot
def taken(table):
    """The chain in limbo, which is empty then."""
    part = table.limbo
    table.limbo = 0
    return part


@hot
def leave_group(table, cells):
    """Nothing leads to this group any more."""
    leave(table, ((cells - table.first_cells) >> 8) + 1)


@hot
def leave_tail(table, leaf):
    """Nothing leads to this tail any more."""
    table.tails -= 1
    leave(table, leaf - table.values + table.groups + 1)


@hot
def reuse(table, part):
    """Takes back a chain of parts that no reader can hold."""
    while part:
        behind = after(table, part)
        if part > table.groups:
            chain(table, part, table.free_tails)
            table.free_tails = part
            table.unused_tails += 1
        else:
            chain(table, part, table.free_groups)
            table.free_groups = part
            table.unused_groups += 1
        part = behind
