"""How `hashmap` is written: compiled, by the one writer.

A bucket: two keys of two halves, their two values, the address of the bucket that follows, and which slots are taken.
A slot stays taken from its key's arrival until no reader can hold it any more; its value is 0 where it says nothing.
"""

from bise.hot import Header, entry, hot, le64, load64, load_acquire, mix64, store64, store_release

BUCKET = 64
VALUES, FOLLOWING, TAKEN = 32, 48, 56
SLOTS = 2


class HashRoot(Header):
    """What readers need. `seed` is secret, so that nobody can choose keys that meet in one bucket."""

    buckets = le64(constant=True)
    mask = le64(constant=True)
    seed = le64(constant=True)


class HashWriter(Header):
    """What the writer knows. Unused spare buckets are chained by `FOLLOWING`."""

    root = le64(constant=True)
    spare_start = le64(constant=True)
    spare = le64()
    used = le64()


@hot
def home(table, high, low):
    """The first bucket for a key."""
    return table.buckets + (mix64(low ^ mix64(high ^ table.seed)) & table.mask) * BUCKET


@hot
def _key_is(bucket, slot, high, low):
    return load64(bucket + 16 * slot) == high and load64(bucket + 16 * slot + 8) == low


@hot
def _find(table, high, low):
    """The address of the key's value; 0 if it isn't there."""
    bucket = home(table, high, low)
    while bucket:
        for slot in range(SLOTS):
            if load64(bucket + VALUES + 8 * slot) and _key_is(bucket, slot, high, low):
                return bucket + VALUES + 8 * slot
        bucket = load64(bucket + FOLLOWING)
    return 0


@hot
def _fill(bucket, slot, high, low, value):
    """A slot that no reader trusts gets its key, then its value."""
    store64(bucket + TAKEN, load64(bucket + TAKEN) | 1 << slot)
    store64(bucket + 16 * slot, high)
    store64(bucket + 16 * slot + 8, low)
    store_release(bucket + VALUES + 8 * slot, value)


@hot
def _add(table, bucket, high, low, value):
    """Takes the first free slot from `bucket` on, or a spare bucket at the end; -1 if there is none."""
    while True:
        for slot in range(SLOTS):
            if load64(bucket + TAKEN) >> slot & 1 == 0:
                _fill(bucket, slot, high, low, value)
                return 0
        if load64(bucket + FOLLOWING) == 0:
            break
        bucket = load64(bucket + FOLLOWING)
    spare = table.spare
    if spare == 0:
        return -1
    table.spare = load64(spare + FOLLOWING)
    store64(spare + FOLLOWING, 0)
    _fill(spare, 0, high, low, value)
    store_release(bucket + FOLLOWING, spare)
    return 0


@entry(4)
def insert(writer, high, low, value):
    """0, or -1 where too many keys meet and nothing changed."""
    table = HashWriter(writer)
    place = _find(HashRoot(table.root), high, low)
    if place:
        store_release(place, value)
        return 0
    done = _add(table, home(HashRoot(table.root), high, low), high, low, value)
    table.used += done + 1
    return done


@entry(3)
def delete(writer, high, low):
    """The address of the value, for `release`; 0 if the key isn't there."""
    table = HashWriter(writer)
    place = _find(HashRoot(table.root), high, low)
    if place:
        store_release(place, 0)
        table.used -= 1
    return place


@entry(2)
def release(writer, place):
    """Frees a deleted slot. A spare bucket that nothing is in any more leaves its chain: its address; else 0."""
    table = HashWriter(writer)
    bucket = place & -BUCKET
    slot = (place - bucket - VALUES) >> 3
    store64(bucket + TAKEN, load64(bucket + TAKEN) & ~(1 << slot))
    if load64(bucket + TAKEN) or bucket < table.spare_start:
        return 0
    before = home(HashRoot(table.root), load64(bucket + 16 * slot), load64(bucket + 16 * slot + 8))
    while load64(before + FOLLOWING) != bucket:
        before = load64(before + FOLLOWING)
    store_release(before + FOLLOWING, load64(bucket + FOLLOWING))
    return bucket


@entry(2)
def reuse(writer, bucket):
    """A bucket that no reader can be in is spare again."""
    table = HashWriter(writer)
    store64(bucket + FOLLOWING, table.spare)
    table.spare = bucket
    return 0


@entry(2)
def open_spare(writer, count):
    """Chains the spare buckets, once."""
    table = HashWriter(writer)
    for number in range(count - 1, -1, -1):
        bucket = table.spare_start + number * BUCKET
        store64(bucket + FOLLOWING, table.spare)
        table.spare = bucket
    return 0


@entry(3)
def get(root, high, low):
    """The key's value; 0 if there is none."""
    place = _find(HashRoot(root), high, low)
    return load_acquire(place) if place else 0
