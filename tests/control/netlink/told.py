"""Routes as Linux tells of them, drawn by chance: messages with what differs between them, in the octets of Linux."""

from hypothesis import strategies as st

from bise.control.netlink.kinds import AF_OF_FAMILY, Kind
from bise.control.netlink.message import APPEND, CREATE, EXCLUSIVE, HEADER, REPLACE, attribute
from bise.control.netlink.routes import ROUTE

DESTINATION, GATEWAY, LINK, PRIORITY, METRICS, MULTIPATH, TABLE = 1, 5, 4, 6, 8, 9, 15
TOP = {4: 20 << 24, 6: 0x20010DB8 << 96}
FLAGS = (CREATE, CREATE | EXCLUSIVE, CREATE | APPEND, REPLACE, CREATE | REPLACE)


def message(kind: int, flags: int, body: bytes, sequence: int = 1) -> bytes:
    return HEADER.pack(16 + len(body), kind, flags, sequence, 0) + body


def octets_of(family: int, address: int) -> bytes:
    return address.to_bytes(4 if family == 4 else 16, "big")


def body(family: int, place: int, *more: bytes, table: int = 254, kind: int = 1, tos: int = 0) -> bytes:
    """One of 16 prefixes: the last 8 are longer than the first."""
    bits = 32 if family == 4 else 128
    length = bits - 16 if place < 8 else bits - 8
    destination = TOP[family] + ((place % 8) << (bits - length))
    head = ROUTE.pack(AF_OF_FAMILY[family], length, 0, tos, min(table, 252), 3, 0, kind, 0)
    found = [attribute(TABLE, table), attribute(DESTINATION, octets_of(family, destination)), *more]
    return head + b"".join(found)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Plain ones mostly; with metrics, several paths, other tables and other kinds among them."""
    family = draw(st.sampled_from([4, 4, 4, 6]))
    place, host = draw(st.integers(0, 15)), draw(st.integers(1, 3))
    table = draw(st.sampled_from([254, 254, 255, 1000]))
    shape = draw(st.sampled_from(["plain", "plain", "plain", "several", "end", "metrics"]))
    more = [attribute(PRIORITY, draw(st.sampled_from([5, 100])))] if draw(st.booleans()) or family == 6 else []
    gateway = attribute(GATEWAY, octets_of(family, (10 << 24) + host if family == 4 else (0xFE80 << 112) + host))
    if shape == "end":
        return body(family, place, *more, table=table, kind=6)
    if shape == "several":
        hop = (8 + len(gateway)).to_bytes(2, "little") + bytes([0, host]) + (3).to_bytes(4, "little") + gateway
        return body(family, place, *more, attribute(MULTIPATH, hop * 2), table=table)
    if shape == "metrics":
        more.append(attribute(METRICS, attribute(2, 1400)))
    tos = draw(st.sampled_from([0, 0, 0x10])) if family == 4 else 0
    return body(family, place, *more, gateway, attribute(LINK, 3), table=table, tos=tos)


@st.composite
def announcements(draw: st.DrawFn) -> bytes:
    """A route comes, changes or goes."""
    kind = draw(st.sampled_from([Kind.NEW_ROUTE, Kind.NEW_ROUTE, Kind.DELETE_ROUTE]))
    return message(kind, draw(st.sampled_from(FLAGS)) if kind is Kind.NEW_ROUTE else 0, draw(bodies()))


@st.composite
def lots(draw: st.DrawFn) -> list[bytes]:
    """What several receives return, one after the other. Now and then an octet is wrong."""
    found = draw(st.lists(st.lists(announcements(), min_size=1, max_size=12).map(b"".join), min_size=1, max_size=6))
    if draw(st.integers(0, 3)) == 0:
        number = draw(st.integers(0, len(found) - 1))
        wrong = bytearray(found[number])
        wrong[draw(st.integers(0, len(wrong) - 1))] = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 10, 255]))
        found[number] = bytes(wrong[: draw(st.integers(0, 3)) * -4 or None])
    return found
