"""The few netlink requests that a port makes itself: one link, its XDP program, its XDP features.

Blocking: at start and end only.
"""

import os
import socket
import struct
from collections.abc import Iterator

ROUTE, GENERIC = 0, 16  # netlink families, linux/netlink.h
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _ACK_TLVS, _CAPPED = 1, 4, 0x200, 0x100
_NETLINK, _EXTENDED_ACK, _CAP_ACK = 270, 11, 10  # SOL_NETLINK and two of its options
_NESTED = 0x3FFF

Attributes = dict[int, bytes]


class Refused(OSError):
    """The kernel's answer was an error: `strerror` holds its own words where it gave any."""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def attributes(octets: bytes) -> Attributes:
    """The attributes in `octets` by kind; nested ones stay octets."""
    found, offset = {}, 0
    while offset + 4 <= len(octets):
        length, kind = struct.unpack_from("=HH", octets, offset)
        if length < 4:
            break
        found[kind & _NESTED] = octets[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def _messages(octets: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset + 16 <= len(octets):
        length, kind, flags = struct.unpack_from("=IHH", octets, offset)
        yield kind, flags, octets[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def request(family: int, kind: int, body: bytes) -> list[bytes]:
    """Asks once; returns the bodies of the replies. Raises Refused."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family) as door:
        door.settimeout(5)
        door.setsockopt(_NETLINK, _EXTENDED_ACK, 1)
        door.setsockopt(_NETLINK, _CAP_ACK, 1)
        door.bind((0, 0))
        door.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK, 1, 0) + body)
        replies: list[bytes] = []
        while True:
            for answer, flags, rest in _messages(door.recv(1 << 17)):
                if answer == _ERROR:
                    _raise_if_refused(rest, flags)
                    return replies
                if answer == _DONE:
                    return replies
                replies.append(rest)


def _raise_if_refused(rest: bytes, flags: int) -> None:
    number = -struct.unpack_from("=i", rest)[0]
    if not number:
        return
    words = os.strerror(number)
    if flags & _ACK_TLVS and flags & _CAPPED:
        said = attributes(rest[20:]).get(1)  # NLMSGERR_ATTR_MSG
        words = said.rstrip(b"\0").decode(errors="replace") if said else words
    raise Refused(number, words)


def link(name: str = "", ifindex: int = 0) -> tuple[int, int, Attributes]:
    """An interface by name or index: (ifindex, flags, attributes). Raises Refused."""
    body = struct.pack("=BxHiII", 0, 0, ifindex, 0, 0)
    body += attribute(3, name.encode() + b"\0") if name else b""  # IFLA_IFNAME
    reply = request(ROUTE, 18, body)[0]  # RTM_GETLINK
    found, flags = struct.unpack_from("=4xiI", reply)
    return found, flags, attributes(reply[16:])


def change_link(ifindex: int, *wanted: bytes, flags: int = 0, mask: int = 0) -> None:
    """Sets attributes, and those flags that are in `mask`. Raises Refused."""
    request(ROUTE, 19, struct.pack("=BxHiII", 0, 0, ifindex, flags, mask) + b"".join(wanted))  # RTM_SETLINK


def set_xdp(ifindex: int, program: int, flags: int) -> None:
    """Attaches a program without a link (-1: detaches one). Raises Refused, which holds the driver's own words."""
    inner = attribute(1, struct.pack("=i", program)) + attribute(3, struct.pack("=I", flags))  # IFLA_XDP_FD, _FLAGS
    change_link(ifindex, attribute(43 | 0x8000, inner))


def netdev_features(ifindex: int) -> tuple[int, int] | None:
    """(XDP features, metadata features) as the driver declares them; None where this kernel can't say (before 6.3)."""
    try:
        family = request(GENERIC, 16, struct.pack("=BBH", 3, 1, 0) + attribute(2, b"netdev\0"))[0]
        number = struct.unpack("=H", attributes(family[4:])[1])[0]
        reply = request(GENERIC, number, struct.pack("=BBH", 1, 1, 0) + attribute(1, struct.pack("=I", ifindex)))[0]
    except Refused:
        return None
    found = attributes(reply[4:])
    return tuple(int.from_bytes(found.get(kind, b""), "little") for kind in (3, 5))  # type: ignore[return-value]
