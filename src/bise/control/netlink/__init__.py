"""rtnetlink: the socket through which Linux tells and is asked about its network.

General layout: `message` knows the wire format (headers and attributes, bounds checked), `decode` and `routes` turn
messages into the typed objects of `control/objects.py`, `sockets` and `dumps` carry them. Where they come by the
hundred thousand, `gather` receives many at once, and `rows` and `likes` find in a whole buffer what `routes` knows.
"""

from bise.control.netlink.message import Attributes, Message, NetlinkError, attribute, messages, request
from bise.control.netlink.sockets import EventSocket, Overflow, RequestSocket

__all__ = [
    "Attributes",
    "EventSocket",
    "Message",
    "NetlinkError",
    "Overflow",
    "RequestSocket",
    "attribute",
    "messages",
    "request",
]
