"""Netlink sockets of two uses: to be told of changes, and to ask or tell something at once (a third: `dumps.py`).

All belong to the network namespace in which they are opened, are non-blocking and close on exec. Linux checks requests
strictly (so that dumps can be filtered) and gives its reasons in words.
"""

import errno
import socket
from collections.abc import Iterable

from bise.control.netlink.gather import Gatherer, Truncated
from bise.control.netlink.message import ACK, ERROR, Message, NetlinkError, messages, refusal, request

_NETLINK_ROUTE = 0
_SOL_NETLINK = 270
_ADD_MEMBERSHIP, _NO_ENOBUFS, _CAP_ACK, _EXT_ACK, _STRICT = 1, 5, 10, 11, 12  # linux/netlink.h, NETLINK_*
_SO_RCVBUFFORCE = 33
_ROOM = 1 << 17  # Linux makes no dump message above 32 KiB, and no announcement of a route or a link comes near


class Overflow(Exception):
    """Announcements were lost: the receive buffer was full (ENOBUFS), or one was larger than any should be."""


class NetlinkSocket:
    """A netlink socket: `receive` returns one datagram of messages, or None where none waits."""

    def __init__(self, receive_buffer: int, protocol: int = _NETLINK_ROUTE) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
        for option in (_CAP_ACK, _EXT_ACK, _STRICT):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.bind((0, 0))
        self._room = bytearray(_ROOM)
        self._view = memoryview(self._room)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._view.release()
        self._socket.close()

    def receive(self) -> bytes | None:
        """Raises Overflow where something was lost before."""
        try:
            size = self._socket.recv_into(self._room)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Overflow from None
            raise
        if size == _ROOM:
            raise Overflow
        return bytes(self._view[:size])


class EventSocket(NetlinkSocket):
    """Hears what Linux announces to `groups` (RTNLGRP_*). Lost announcements are told of: `receive`, which returns many
    datagrams as one, raises Overflow."""

    def __init__(self, groups: Iterable[int], receive_buffer: int = 64 << 20) -> None:
        super().__init__(receive_buffer)
        self._socket.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 0)
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        self._gatherer = Gatherer()

    def receive(self) -> bytes | None:
        try:
            return self._gatherer.receive(self.fileno())
        except Truncated:
            raise Overflow from None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Overflow from None
            raise


class RequestSocket(NetlinkSocket):
    """Asks one thing, or tells Linux many without waiting for what it thinks of them."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self._sequence = 0

    def ask(self, kind: int, body: bytes) -> tuple[bytes, Message]:
        """Linux's answer, given within the call. Raises NetlinkError where it refuses."""
        self.refused()
        self._sequence += 1
        self._socket.send(request(kind, ACK, self._sequence, body))
        answer: tuple[bytes, Message] | None = None
        while (buffer := self.receive()) is not None:
            for message in messages(buffer):
                if message.sequence != self._sequence:
                    continue
                if message.type == ERROR:
                    problem = refusal(buffer, message)
                    if problem is not None:
                        raise problem
                elif answer is None:
                    answer = buffer, message
        if answer is None:
            raise NetlinkError("Linux didn't answer")
        return answer

    def tell(self, kind: int, flags: int, bodies: Iterable[bytes]) -> int:
        """Send requests together; how many Linux refused among those told so far comes back."""
        octets = b"".join(request(kind, flags, 0, body) for body in bodies)
        try:
            self._socket.send(octets)
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.EAGAIN, errno.EMSGSIZE):
                raise
        return self.refused()

    def refused(self) -> int:
        """How many refusals wait, which are thrown away."""
        count = 0
        while True:
            try:
                buffer = self.receive()
            except Overflow:
                continue
            if buffer is None:
                return count
            count += sum(message.type == ERROR for message in messages(buffer))
