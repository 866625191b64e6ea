"""The few questions that the gates ask bpf(2): which links exist, what they are, which programs a tcx hook runs."""

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

_NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280}.get(platform.machine())
_OBJ_GET_INFO, _PROG_QUERY, _LINK_GET_FD, _LINK_GET_NEXT = 15, 16, 30, 31
TCX_INGRESS, TCX_EGRESS = 46, 47
LINK_XDP, LINK_NETFILTER = 6, 10
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Link:
    """A BPF link. `where`: the first four words that its type defines (netfilter: family, hook, priority, flags)."""

    number: int
    type: int
    program: int
    where: tuple[int, int, int, int]


def bpf(command: int, attribute: bytes) -> tuple[int, bytes]:
    """The result and what the kernel left in the attribute. Raises OSError."""
    if _NUMBER is None:
        raise OSError(errno.ENOSYS, f"no bpf(2) known for {platform.machine()}")
    space = ctypes.create_string_buffer(attribute, len(attribute))
    result = _libc.syscall(_NUMBER, command, space, len(attribute))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result, space.raw


def link_after(number: int) -> int | None:
    """The next link's number, the lowest for 0; None behind the last."""
    try:
        _, left = bpf(_LINK_GET_NEXT, struct.pack("=III", number, 0, 0))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return int(struct.unpack_from("=I", left, 4)[0])


def link(number: int) -> Link | None:
    """The link of this number, None where it is gone. Holds it open for a moment only: open, it can't be detached."""
    try:
        descriptor, _ = bpf(_LINK_GET_FD, struct.pack("=III", number, 0, 0))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EAGAIN):
            return None
        raise
    try:
        space = ctypes.create_string_buffer(128)
        bpf(_OBJ_GET_INFO, struct.pack("=IIQ", descriptor, 128, ctypes.addressof(space)))
    finally:
        os.close(descriptor)
    kind, number, program, _, one, two, three, four = struct.unpack_from("=IIIIIIiI", space.raw)
    return Link(number, kind, program, (one, two, three, four))


def attached(interface: int, hook: int) -> tuple[int, ...]:
    """Numbers of the programs that a tcx hook of an interface runs; none where the kernel has no tcx."""
    room = 16
    programs = (ctypes.c_uint32 * room)()
    query = struct.pack("=IIIIQIIQQQQ", interface, hook, 0, 0, ctypes.addressof(programs), room, 0, 0, 0, 0, 0)
    try:
        _, left = bpf(_PROG_QUERY, query)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENODEV, errno.ENOENT):
            return ()
        if error.errno == errno.ENOSPC:
            return tuple(programs)
        raise
    return tuple(programs[: min(struct.unpack_from("=I", left, 24)[0], room)])
