"""TAP interfaces: descriptors to what the kernel sees as an Ethernet interface. None outlives its process."""

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path

from bise.ports.errors import PortError
from bise.ports.steering import netlink

DEVICE = "/dev/net/tun"
_SET_INTERFACE, _SET_CARRIER = 0x400454CA, 0x400454E2  # linux/if_tun.h
_TAP, _NO_HEADER, _SEVERAL_QUEUES, _EXCLUSIVE = 0x0002, 0x1000, 0x0100, 0x8000
UP, NO_ARP, MULTICAST = 0x1, 0x80, 0x1000  # linux/if.h


def open_tap(name: str, several_queues: bool = False, exclusive: bool = True) -> int:
    """A non-blocking descriptor to the interface, which is made if need be. `exclusive`: it must not exist.

    Raises PortError. Packets are complete in both directions: without TUNSETOFFLOAD the kernel finishes every checksum
    and cuts every large packet before we read it, and checks what we write, so no header (IFF_VNET_HDR) goes with them.
    """
    try:
        descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PortError(name, f"no TAP interfaces here: {DEVICE}: {error.strerror}") from error
    flags = _TAP | _NO_HEADER | _SEVERAL_QUEUES * several_queues | _EXCLUSIVE * exclusive
    try:
        fcntl.ioctl(descriptor, _SET_INTERFACE, struct.pack("16sH22x", name.encode(), flags))
    except OSError as error:
        os.close(descriptor)
        taken = "an interface of this name exists" if error.errno in (errno.EBUSY, errno.EINVAL) else error.strerror
        raise PortError(name, f"can't make the TAP interface: {taken}") from error
    return descriptor


def set_carrier(descriptor: int, present: bool) -> None:
    """What the kernel sees as the link state."""
    fcntl.ioctl(descriptor, _SET_CARRIER, struct.pack("=i", present))


def keep_ipv6_off(name: str) -> None:
    """No address, no neighbour discovery, no listener reports on this interface; before it comes up."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6").write_text("1")


def exists(name: str) -> bool:
    """Whether there is an interface of this name, of any kind."""
    try:
        return index_of(name) > 0
    except netlink.Refused:
        return False


def index_of(name: str) -> int:
    """The interface's number. Raises netlink.Refused."""
    return netlink.link(name)[0]
