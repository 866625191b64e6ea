"""Netlink messages as octets: headers and attributes (linux/netlink.h).

Nothing here trusts a length: whatever a message claims, reading it raises `NetlinkError` and nothing else. Numbers are
in the machine's byte order, addresses in network order.
"""

import os
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from bise.errors import BiseError

ERROR, DONE = 2, 3  # nlmsghdr.nlmsg_type below NLMSG_MIN_TYPE
REQUEST, ACK, DUMP = 0x01, 0x04, 0x300  # nlmsg_flags
DUMP_INTERRUPTED = 0x10
REPLACE, EXCLUSIVE, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800

HEADER = Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_ATTRIBUTE = Struct("=HH")
_U16, _U32, _I32 = Struct("=H"), Struct("=I"), Struct("=i")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_NLMSGERR_ATTR_MSG = 1
_HIGHEST_CODE = 4095  # linux/err.h, MAX_ERRNO


class NetlinkError(BiseError):
    """A message from Linux that can't be read, or Linux's refusal of a request (`code` is its errno then, else 0)."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.code = code


class Message(NamedTuple):
    """Where one message lies in the octets received: its body is `buffer[start:end]`."""

    type: int
    flags: int
    sequence: int
    start: int
    end: int


def messages(buffer: bytes) -> Iterator[Message]:
    """The messages in what one receive returned. Raises NetlinkError where the octets don't hold what they claim."""
    offset, size = 0, len(buffer)
    while offset < size:
        if size - offset < 16:
            raise NetlinkError(f"{size - offset} octets after the last netlink message")
        length, kind, flags, sequence, _ = HEADER.unpack_from(buffer, offset)
        if length < 16 or offset + length > size:
            raise NetlinkError(f"a netlink message claims {length} octets of {size - offset}")
        yield Message(kind, flags, sequence, offset + 16, offset + length)
        offset += (length + 3) & ~3


def fixed(layout: Struct, buffer: bytes, start: int, end: int) -> tuple[int, ...]:
    """The structure that a message's body begins with. Raises NetlinkError if the message is shorter."""
    if end - start < layout.size:
        raise NetlinkError(f"a netlink message of {end - start} octets should have {layout.size}")
    return layout.unpack_from(buffer, start)


class Attributes:
    """The attributes in `buffer[start:end]`, by type; a repeated one counts with its last occurrence."""

    __slots__ = ("_values",)

    def __init__(self, buffer: bytes, start: int, end: int) -> None:
        self._values: dict[int, bytes] = dict(attribute_sequence(buffer, start, end))

    def __contains__(self, kind: int) -> bool:
        return kind in self._values

    def octets(self, kind: int) -> bytes | None:
        return self._values.get(kind)

    def number(self, kind: int, default: int = 0) -> int:
        """An unsigned number of 8, 16 or 32 bits, as wide as the attribute is."""
        value = self._values.get(kind)
        if value is None:
            return default
        if len(value) not in (1, 2, 4):
            raise NetlinkError(f"netlink attribute {kind} holds {len(value)} octets, not a number")
        return int.from_bytes(value, "little" if _LITTLE else "big")

    def signed(self, kind: int, default: int = 0) -> int:
        value = self._values.get(kind)
        if value is None:
            return default
        if len(value) != 4:
            raise NetlinkError(f"netlink attribute {kind} holds {len(value)} octets, not 4")
        return int(_I32.unpack(value)[0])

    def network_number(self, kind: int) -> int | None:
        """A number in network order of any width: an address, a MAC, an EtherType."""
        value = self._values.get(kind)
        return None if value is None else int.from_bytes(value, "big")

    def address(self, kind: int, family: int) -> int | None:
        """An address of `family`; NetlinkError if it hasn't its size."""
        value = self._values.get(kind)
        if value is None:
            return None
        if len(value) != (4 if family == 4 else 16):
            raise NetlinkError(f"netlink attribute {kind} holds {len(value)} octets, not an IPv{family} address")
        return int.from_bytes(value, "big")

    def text(self, kind: int) -> str:
        """A name; "" where the attribute is missing."""
        return self._values.get(kind, b"").split(b"\0", 1)[0].decode("utf-8", "backslashreplace")

    def nested(self, kind: int) -> "Attributes":
        """The attributes within one; none where it is missing."""
        value = self._values.get(kind, b"")
        return Attributes(value, 0, len(value))

    def items(self) -> Iterable[tuple[int, bytes]]:
        return self._values.items()


_LITTLE = _U16.pack(1) == b"\1\0"


def attribute_sequence(buffer: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(type, octets) of each attribute in `buffer[start:end]`, in order."""
    if end > len(buffer):
        raise NetlinkError("netlink attributes reach beyond what was received")
    while start < end:
        if end - start < 4:
            if any(buffer[start:end]):
                raise NetlinkError(f"{end - start} octets after the last netlink attribute")
            return
        length, kind = _ATTRIBUTE.unpack_from(buffer, start)
        if length < 4 or start + length > end:
            raise NetlinkError(f"netlink attribute {kind & _TYPE_MASK} claims {length} octets of {end - start}")
        yield kind & _TYPE_MASK, buffer[start + 4 : start + length]
        start += (length + 3) & ~3


def attribute(kind: int, value: bytes | int) -> bytes:
    """One attribute as octets; an int is sent as 32 bits."""
    octets = _U32.pack(value) if isinstance(value, int) else value
    return _ATTRIBUTE.pack(4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


def request(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A message to Linux."""
    return HEADER.pack(16 + len(body), kind, REQUEST | flags, sequence, 0) + body + bytes(-len(body) % 4)


def refusal(buffer: bytes, message: Message) -> NetlinkError | None:
    """What an ERROR or DONE message says: Linux's words where it has any; None if it says that all went well."""
    if message.end - message.start < 4:
        return None if message.type == DONE else NetlinkError("a netlink error message without a code")
    code = -int(_I32.unpack_from(buffer, message.start)[0])
    if code <= 0:
        return None
    if code > _HIGHEST_CODE:
        return NetlinkError(f"a netlink error message with the code {code}")
    words = os.strerror(code)
    if message.type == ERROR and message.end - message.start >= 36:  # NETLINK_CAP_ACK: only the request's header
        words = Attributes(buffer, message.start + 20, message.end).text(_NLMSGERR_ATTR_MSG) or words
    return NetlinkError(words, code)
