"""What only the ethtool ioctl tells or changes: the driver, the queues, whether the hardware takes VLAN tags out."""

import fcntl
import socket
import struct
from ctypes import addressof, create_string_buffer

_SIOCETHTOOL = 0x8946
_DRIVER, _CHANNELS, _GET_FLAGS, _SET_FLAGS = 0x03, 0x3C, 0x25, 0x26
_STRIPS_TAGS, _LRO = 1 << 8, 1 << 15


def _ask(interface: str, command: bytes, octets: int) -> bytes:
    buffer = create_string_buffer(command, octets)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
        fcntl.ioctl(door, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), addressof(buffer)))
    return buffer.raw


def driver(interface: str) -> str:
    """The driver's name; empty where it has none. Raises nothing: an interface without ethtool is an interface too."""
    try:
        answer = _ask(interface, struct.pack("=I", _DRIVER), 196)
    except OSError:
        return ""
    return answer[4:36].split(b"\0")[0].decode(errors="replace")


def receive_queues(interface: str) -> int:
    """How many queues the interface receives on."""
    try:
        counts = struct.unpack_from("=9I", _ask(interface, struct.pack("=I", _CHANNELS), 36))
    except OSError:
        return 1
    return int(max(1, counts[5] + counts[8]))  # rx_count and combined_count: a queue is in one of the two


def _flags(interface: str) -> int:
    try:
        answer: tuple[int] = struct.unpack_from("=4xI", _ask(interface, struct.pack("=I", _GET_FLAGS), 8))
        return answer[0]
    except OSError:
        return 0


def strips_tags(interface: str) -> bool:
    """Whether the hardware takes VLAN tags out of received packets."""
    return bool(_flags(interface) & _STRIPS_TAGS)


def merges_packets(interface: str) -> bool:
    """Whether the hardware merges received packets (LRO)."""
    return bool(_flags(interface) & _LRO)


def set_strips_tags(interface: str, wanted: bool) -> None:
    """Switches `rxvlan`. Raises OSError where the driver can't."""
    flags = _flags(interface) & ~_STRIPS_TAGS | (_STRIPS_TAGS if wanted else 0)
    _ask(interface, struct.pack("=II", _SET_FLAGS, flags), 8)
