"""Filter expressions as tcpdump's (pcap-filter(7)), compiled and applied by libpcap itself."""

import ctypes
from collections.abc import Callable

from bise.errors import BiseError

_LIBRARIES = ("libpcap.so.0.8", "libpcap.so.1")
_ETHERNET = 1  # DLT_EN10MB
_LONGEST = 65535
_NETMASK_UNKNOWN = 0xFFFFFFFF

Filter = Callable[[bytes, int], bool]
"""Whether a packet matches: the octets that are there, and how many it has in all."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


class _Head(ctypes.Structure):
    """struct pcap_pkthdr."""

    _fields_ = (
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("captured", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
    )


class FilterError(BiseError):
    """The expression is none, or there is nothing to compile it with."""

    exit_status = 2


def compile_filter(expression: str) -> Filter:
    """Raises FilterError with what libpcap says."""
    if not expression.strip():
        return lambda octets, total: True
    library = _library()
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.pcap_geterr.restype = ctypes.c_char_p
    handle = ctypes.c_void_p(library.pcap_open_dead(_ETHERNET, _LONGEST))
    program = _Program()
    text = expression.encode()
    if library.pcap_compile(handle, ctypes.byref(program), text, 1, ctypes.c_uint32(_NETMASK_UNKNOWN)) != 0:
        reason = library.pcap_geterr(handle).decode(errors="replace")
        library.pcap_close(handle)
        raise FilterError(f"filter {expression!r}: {reason} (see `man pcap-filter`)")
    library.pcap_close(handle)

    def matches(octets: bytes, total: int) -> bool:
        head = _Head(0, 0, len(octets), total)
        return bool(library.pcap_offline_filter(ctypes.byref(program), ctypes.byref(head), octets))

    return matches


def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise FilterError("a filter needs libpcap (Debian: apt install libpcap0.8)")
