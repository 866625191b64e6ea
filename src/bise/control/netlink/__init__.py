"""rtnetlink: the socket through which Linux tells and is asked about its network.

General layout: `message` knows the wire format (headers and attributes, bounds checked), `decode` and `routes` turn
messages into the typed objects of `control/objects.py`, `sockets` carries them.
"""

from bise.control.netlink.message import Attributes, Message, NetlinkError, attribute, messages, request
from bise.control.netlink.sockets import DumpSocket, EventSocket, Overflow, RequestSocket

__all__ = [
    "Attributes",
    "DumpSocket",
    "EventSocket",
    "Message",
    "NetlinkError",
    "Overflow",
    "RequestSocket",
    "attribute",
    "messages",
    "request",
]
