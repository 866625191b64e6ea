"""Messages as Linux sends them, made by pyroute2, which knows netlink by itself. `message` is one with its header."""

import socket
from typing import Any

from pyroute2.netlink import nlmsg
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6


def message(made: nlmsg, kind: int, **fields: Any) -> bytes:
    attributes = fields.pop("attrs", [])
    made["header"]["type"] = kind
    made["header"]["flags"] = fields.pop("message_flags", 0)
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = [list(one) for one in attributes]
    made.encode()
    return bytes(made.data)


def link(name: str, index: int, kind: str = "", data: Any = None, slave: str = "", **fields: Any) -> bytes:
    """A link; `kind` and `data` are what `ip -d link` shows of a virtual one, `slave` what its master makes of it."""
    about: list[list[Any]] = []
    if kind:
        about.append(["IFLA_INFO_KIND", kind])
    if data:
        about.append(["IFLA_INFO_DATA", {"attrs": data}])
    if slave:
        about.append(["IFLA_INFO_SLAVE_KIND", slave])
    more = fields.pop("attrs", [])
    attributes: list[list[Any]] = [
        ["IFLA_IFNAME", name],
        ["IFLA_MTU", 1500],
        ["IFLA_ADDRESS", "02:00:00:00:00:09"],
        *more,
    ]
    if about:
        attributes.append(["IFLA_LINKINFO", {"attrs": about}])
    flags = fields.pop("flags", 0x11043)
    return message(ifinfmsg(), 16, index=index, ifi_type=1, flags=flags, attrs=attributes, **fields)


def route(kind: int = 24, **fields: Any) -> bytes:
    return message(rtmsg(), kind, **fields)


def neighbour(**fields: Any) -> bytes:
    return message(ndmsg(), 28, **fields)


def address(**fields: Any) -> bytes:
    return message(ifaddrmsg(), 20, **fields)


def rule(**fields: Any) -> bytes:
    return message(fibmsg(), 32, **fields)


def with_attribute(octets: bytes, kind: int, value: bytes) -> bytes:
    """The message with one attribute more, of a kind that pyroute2 doesn't know."""
    more = (4 + len(value)).to_bytes(2, "little") + kind.to_bytes(2, "little") + value + bytes(-len(value) % 4)
    return (len(octets) + len(more)).to_bytes(4, "little") + octets[4:] + more
