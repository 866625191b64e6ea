"""What one receive returned as rows of numbers: where its messages lie, and of routes the destination and the likeness.

A table of routes comes as a million messages. Compiled code walks through them; it knows two things of a route's
message: where Linux puts the destination, and whether it has seen all the octets around it before. What they mean is
`RouteDecoder`'s to say, once for each likeness (`likes.py`).
"""

from typing import Any

import numpy as np

from bise.control.netlink.message import Message, messages
from bise.hot import Header, entry, hot, le32, le64, load8, load16, load32, mix64, nth, shift_left64, store32

Rows = Any
"""A NumPy array of `ROW`, one a message."""

ROW = np.dtype(
    [
        *((name, "<u4") for name in ("type", "flags", "sequence", "start", "end", "like", "family", "length")),
        ("high", "<u8"),
        ("low", "<u8"),
    ]
)
WRONG = -1
MOST_LIKES = 1 << 14
ARENA = MOST_LIKES * 128  # octets
SLOTS = 2 * MOST_LIKES
_HEADER = 16  # octets of nlmsghdr
_NEW_ROUTE, _DELETE_ROUTE = 24, 25
_HEAD_AT, _DESTINATION_AT = 20, 24  # within a route's body: behind rtmsg and the table
_HEAD_4, _HEAD_6 = 1 << 16 | 8, 1 << 16 | 20  # RTA_DST and its length, as one word


class Row(Header):
    """A message: its header, where its body is, and, of a route whose likeness is known, that and its prefix.

    `like` 0: of no known likeness, or no route. `high` is 0 for IPv4."""

    type = le32()
    flags = le32()
    sequence = le32()
    start = le32()
    end = le32()
    like = le32()
    family = le32()
    length = le32()
    high = le64()
    low = le64()


class Slot(Header):
    """A likeness: where a message with it is kept, and how long its body is. `number` 0: the slot is free."""

    number = le32()
    at = le32()
    octets = le32()
    mark = le32()


class Known(Header):
    """The likenesses: addresses of `slots` and of the `arena` of octets."""

    slots = le64(constant=True)
    arena = le64(constant=True)
    count = le64()
    used = le64()


@entry(3)
def walk(buffer, size, rows):
    """How many messages the octets hold, each of which gets a row; WRONG where they don't hold what they claim."""
    offset = 0
    count = 0
    while offset < size:
        if size - offset < _HEADER:
            return WRONG
        length = load32(buffer + offset)
        if length < _HEADER or offset + length > size:
            return WRONG
        row = nth(Row, rows, count)
        row.type = load16(buffer + offset + 4)
        row.flags = load16(buffer + offset + 6)
        row.sequence = load32(buffer + offset + 8)
        row.start = offset + _HEADER
        row.end = offset + length
        row.like = 0
        row.family = 0
        count += 1
        offset += (length + 3) & ~3
    return count


@hot
def _destination_size(body, size):
    """Octets of the destination, where a message has it in its place and is of whole words; else 0."""
    if size < _DESTINATION_AT or size & 3:
        return 0
    head = load32(body + _HEAD_AT)
    found = 4 if head == _HEAD_4 else (16 if head == _HEAD_6 else 0)
    return found if _DESTINATION_AT + found <= size else 0


@hot
def _mark(body, size, skipped):
    """32 bits of all octets but the destination's."""
    mixed = size
    for at in range(0, _DESTINATION_AT, 4):
        mixed = mix64(mixed ^ load32(body + at))
    for at in range(_DESTINATION_AT + skipped, size, 4):
        mixed = mix64(mixed ^ load32(body + at))
    return mixed & 0xFFFFFFFF


@hot
def _is_like(body, other, size, skipped):
    differ = 0
    for at in range(0, _DESTINATION_AT, 4):
        differ |= load32(body + at) ^ load32(other + at)
    for at in range(_DESTINATION_AT + skipped, size, 4):
        differ |= load32(body + at) ^ load32(other + at)
    return differ == 0


@hot
def _find(known, body, size, skipped):
    """The slot of a message's likeness, or the free one where it belongs; there always is one."""
    mark = _mark(body, size, skipped)
    place = mark & (SLOTS - 1)
    while True:
        slot = nth(Slot, known.slots, place)
        if slot.number == 0:
            slot.mark = mark
            return slot
        if slot.mark == mark and slot.octets == size and _is_like(body, known.arena + slot.at, size, skipped):
            return slot
        place = (place + 1) & (SLOTS - 1)


@hot
def _word(address):
    """A word in network order."""
    return load8(address) << 24 | load8(address + 1) << 16 | load8(address + 2) << 8 | load8(address + 3)


@hot
def _half(address):
    """Half of an IPv6 address."""
    return shift_left64(_word(address), 32) | _word(address + 4)


@entry(4)
def liken(likes, buffer, rows, count):
    """Writes to each route's row what is known of it."""
    known = Known(likes)
    for number in range(count):
        row = nth(Row, rows, number)
        if row.type != _NEW_ROUTE and row.type != _DELETE_ROUTE:
            continue
        body = buffer + row.start
        size = row.end - row.start
        skipped = _destination_size(body, size)
        if skipped == 0:
            continue
        row.like = _find(known, body, size, skipped).number
        row.length = load8(body + 1)
        at = body + _DESTINATION_AT
        row.family = 4 if skipped == 4 else 6
        row.high = 0 if skipped == 4 else _half(at)
        row.low = _word(at) if skipped == 4 else _half(at + 8)
    return 0


@entry(3)
def keep(likes, body, size):
    """Gives a message's likeness the next number, which is returned; 0 where it has none, or there is no room."""
    known = Known(likes)
    skipped = _destination_size(body, size)
    if skipped == 0 or known.count == MOST_LIKES or known.used + size > ARENA:
        return 0
    slot = _find(known, body, size, skipped)
    if slot.number:
        return slot.number
    for at in range(0, size, 4):
        store32(known.arena + known.used + at, load32(body + at))
    known.count += 1
    slot.number = known.count
    slot.at = known.used
    slot.octets = size
    known.used += size
    return known.count


def rows_of(buffer: bytes) -> Rows:
    """A row for each message in what one or several receives returned. Raises NetlinkError as `messages` does."""
    rows = np.empty(len(buffer) // _HEADER, ROW)
    count = walk(address_of(buffer), len(buffer), rows.ctypes.data)
    if count == WRONG:
        _say_what_is_wrong(buffer)
    return rows[:count]


def _say_what_is_wrong(buffer: bytes) -> None:
    for _ in messages(buffer):
        pass


def address_of(buffer: bytes) -> int:
    """Where octets lie, as long as they are kept."""
    return int(np.frombuffer(buffer, "u1").ctypes.data)


def message_at(rows: Rows, place: int) -> Message:
    """One of them by itself."""
    return Message(*rows[place].item()[: len(Message._fields)])


def messages_of(rows: Rows) -> list[Message]:
    """All of them by themselves."""
    return [message_at(rows, place) for place in range(len(rows))]


def prefix_numbers(rows: Rows) -> list[int]:
    """`Prefix.number` of each row that has a likeness; anything of others."""
    if not (rows["family"] == 6).any():
        return (rows["low"] << np.uint64(8) | rows["length"]).tolist()  # type: ignore[no-any-return]
    columns = zip(rows["high"].tolist(), rows["low"].tolist(), rows["length"].tolist(), strict=True)
    return [(high << 64 | low) << 8 | length for high, low, length in columns]
