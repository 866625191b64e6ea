"""The netlink that the gates need besides routes: ask any protocol and be answered at once, and hear of changes.

Requests here are small and rare, and the kernel answers them inside the system call that sends them, so that
an answer is read at once and no waiting is built around it.
"""

import errno
import socket
import struct
from typing import NamedTuple

from bise.control.netlink.message import (
    ACK,
    DONE,
    DUMP,
    DUMP_INTERRUPTED,
    ERROR,
    NetlinkError,
    attribute_sequence,
    messages,
    refusal,
    request,
)

ROUTE, XFRM, NETFILTER = 0, 6, 12
_SOL_NETLINK, _ADD_MEMBERSHIP, _CAP_ACK, _EXT_ACK = 270, 1, 10, 11  # linux/netlink.h, NETLINK_*
_ROOM = 1 << 17
_PATIENCE = struct.pack("=qq", 1, 0)  # a second; the kernel answers in microseconds
# what a kernel says that was built without the thing asked for
ABSENT = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT)


class Message(NamedTuple):
    """What the kernel said: its type and everything after the netlink header."""

    type: int
    body: bytes


def attributes(octets: bytes, start: int = 0) -> dict[int, bytes]:
    """Attributes by type; of a repeated one the last. Raises NetlinkError where a length lies."""
    return dict(attribute_sequence(octets, start, len(octets)))


def elements(octets: bytes) -> list[tuple[int, bytes]]:
    """Attributes in their order, repeated ones too. Raises NetlinkError where a length lies."""
    return list(attribute_sequence(octets, 0, len(octets)))


def text(octets: bytes) -> str:
    return octets.split(b"\0", 1)[0].decode(errors="backslashreplace")


class Conversation:
    """A socket to ask on. Raises NetlinkError with the kernel's errno, OSError where there is no such protocol.

    A dump that a change interrupted is repeated.
    """

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        for option in (_CAP_ACK, _EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def dump(self, kind: int, body: bytes) -> list[Message]:
        """All objects that `kind` asks for."""
        for _ in range(8):
            answer, clean = self._talk(kind, DUMP, body)
            if clean:
                return answer
        raise NetlinkError("a dump was interrupted by changes again and again", errno.EAGAIN)

    def ask(self, kind: int, body: bytes) -> Message:
        """The one object that `kind` asks for."""
        answer, _ = self._talk(kind, ACK, body)
        if not answer:
            raise NetlinkError("the kernel didn't answer", errno.ENODATA)
        return answer[0]

    def _talk(self, kind: int, flags: int, body: bytes) -> tuple[list[Message], bool]:
        self._sequence += 1
        self._socket.send(request(kind, flags, self._sequence, body))
        answer: list[Message] = []
        clean = True
        while True:
            buffer = self._socket.recv(_ROOM)
            for message in messages(buffer):
                if message.sequence != self._sequence:
                    continue  # the rest of an answer that we gave up waiting for
                clean = clean and not message.flags & DUMP_INTERRUPTED
                if message.type in (ERROR, DONE):
                    if problem := refusal(buffer, message):
                        raise problem
                    return answer, clean
                answer.append(Message(message.type, buffer[message.start : message.end]))


def conversation_if_known(protocol: int) -> Conversation | None:
    """A socket to ask on; None where the kernel is built without this protocol."""
    try:
        return Conversation(protocol)
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            return None
        raise


class Announcements:
    """A socket that hears what the kernel announces to some groups. Never blocks."""

    def __init__(self, protocol: int, *groups: int) -> None:
        self.protocol = protocol
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setblocking(False)
        self._socket.bind((0, 0))
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def drain(self) -> set[int] | None:
        """The types of what was announced; None where some was lost: then anything may have changed."""
        types: set[int] = set()
        lost = False
        while True:
            try:
                heard = self._socket.recv(_ROOM)
            except BlockingIOError:
                return None if lost else types
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            types.update(message.type for message in messages(heard))
