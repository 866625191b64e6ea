"""Netlink messages as the kernel sends them, built from the headers' layouts for what this kernel may lack."""

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from bise.control.gates.netlink import Message
from bise.control.netlink.message import attribute

Tree: TypeAlias = Mapping[int, "bytes | int | str | Tree | Sequence[tuple[int, bytes | str]]"]


def tree(values: Tree) -> bytes:
    """Attributes by type; numbers as 32 bits in network order, as netfilter has them, texts with their zero."""
    return b"".join(attribute(kind, _octets(value)) for kind, value in values.items())


def _octets(value: "bytes | int | str | Tree | Sequence[tuple[int, bytes | str]]") -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return struct.pack(">I", value)
    if isinstance(value, str):
        return value.encode() + b"\0"
    if isinstance(value, Mapping):
        return tree(value)
    return b"".join(attribute(kind, _octets(one)) for kind, one in value)


def netfilter(family: int, values: Tree) -> Message:
    """A message of nfnetlink: struct nfgenmsg and attributes."""
    return Message(0, bytes([family, 0, 0, 0]) + tree(values))


def device(index: int, name: str, values: Tree, mac: bytes = b"\x02\0\0\0\0\1") -> Message:
    """RTM_NEWLINK: struct ifinfomsg and attributes; their numbers are bytes from `native`."""
    head = struct.pack("=BxHiII", 0, 1, index, 0x1043, 0)
    return Message(16, head + tree({3: name, 1: mac, **values}))


def native(number: int) -> bytes:
    """32 bits in the machine's order, as rtnetlink has them."""
    return struct.pack("=I", number)
