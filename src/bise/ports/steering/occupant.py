"""Which XDP program an interface has, whose it is, and what becomes of it when we come.

That of a dead Bise is replaced, a foreign or living one is left alone.
"""

import contextlib
import ctypes
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bise.ports.errors import PortError
from bise.ports.steering import libbpf, netlink
from bise.ports.steering.interface import Interface, XdpMode
from bise.ports.steering.layout import PROGRAM_PREFIX

_PATIENCE_S = 2.0  # a killed process still holds its descriptors while its memory is given back
_STEP_S = 0.02


@dataclass(frozen=True)
class Occupant:
    """An attached XDP program. `link` is 0 where there is none, `process` where no holder of it is to be seen."""

    program: int
    name: str
    mode: XdpMode
    link: int
    process: int

    @property
    def is_ours(self) -> bool:
        """Whether it is a steering program of some Bise, by its name."""
        return self.name.startswith(PROGRAM_PREFIX)

    def __str__(self) -> str:
        return f"XDP program {self.name or 'without a name'!r} (id {self.program}, {str(self.mode.name).lower()})"


def read_occupant(interface: Interface) -> Occupant | None:
    """Who has the interface's XDP hook now; None if it is free. Touches nothing.

    Who isn't root sees that there is a program, not whose.
    """
    if not interface.xdp_mode:
        return None
    try:
        name = _program_name(interface.xdp_program)
    except FileNotFoundError:
        return None  # it went after the interface was read
    except OSError:
        name = ""
    link = _link_of(interface.xdp_program)
    process = _holder(link) if link else 0
    return Occupant(interface.xdp_program, name, interface.xdp_mode, link, process)


def make_room(interface: Interface, occupant: Occupant | None) -> None:
    """Removes what a dead Bise left. Raises PortError when the program is someone else's, or its Bise lives."""
    if occupant is None:
        return
    if not occupant.is_ours:
        raise PortError(
            interface.name,
            f"{occupant} is attached and is not ours; `ip link set dev {interface.name} xdp off` would remove it",
        )
    if not occupant.link:
        netlink.set_xdp(interface.ifindex, -1, 0)
        return
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if _link_of(occupant.program) == 0:
            return
        time.sleep(_STEP_S)
    process = _holder(occupant.link)
    if process:
        raise PortError(interface.name, f"Bise already runs on it (process {process})")
    if _promises_to_live(occupant.program):
        raise PortError(interface.name, "Bise already runs on it, in a process that can't be seen from here")
    _detach(occupant.link)


def hold(interface: Interface, link: int) -> int:
    """A descriptor of the link of that number, by which another Bise's program is on the interface: the program stays
    while anybody has one open. Raises PortError where the link is gone, or leads elsewhere."""
    try:
        descriptor = int(libbpf.call("bpf_link_get_fd_by_id", link))
    except OSError as error:
        raise PortError(interface.name, f"the program to replace is gone: {error.strerror}") from error
    if struct.unpack_from("=I", _description(descriptor), 8)[0] != interface.xdp_program:  # bpf_link_info.prog_id
        os.close(descriptor)
        raise PortError(interface.name, "the Bise to replace runs on another interface of this name")
    return descriptor


def number_of(link: int) -> int:
    """The number of a link, by a descriptor of it."""
    return int(struct.unpack_from("=I", _description(link), 4)[0])  # bpf_link_info.id


@contextlib.contextmanager
def _opened(opener: str, number: int) -> Iterator[int]:
    """A program, link or map by its number. Raises OSError, ENOENT where it is gone."""
    descriptor = int(libbpf.call(opener, number))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _description(descriptor: int, request: bytes = b"") -> bytes:
    buffer = ctypes.create_string_buffer(request, 256)
    length = ctypes.c_uint32(256)
    libbpf.call("bpf_obj_get_info_by_fd", descriptor, buffer, ctypes.byref(length))
    return buffer.raw


def _program_name(number: int) -> str:
    with _opened("bpf_prog_get_fd_by_id", number) as program:
        return _description(program)[64:80].split(b"\0")[0].decode(errors="replace")  # bpf_prog_info.name


def _link_of(program: int) -> int:
    """The number of the link that holds `program`, 0 if none does."""
    number = ctypes.c_uint32(0)
    with contextlib.suppress(OSError):
        while True:
            libbpf.call("bpf_link_get_next_id", number.value, ctypes.byref(number))
            with contextlib.suppress(OSError), _opened("bpf_link_get_fd_by_id", number.value) as link:
                if struct.unpack_from("=I", _description(link), 8)[0] == program:  # bpf_link_info.prog_id
                    return number.value
    return 0


def _holder(link: int) -> int:
    """A process that has the link open, 0 if none is to be seen."""
    wanted = f"link_id:\t{link}\n"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    is_link = "bpf" in os.readlink(descriptor)
                    if is_link and wanted in (process / "fdinfo" / descriptor.name).read_text():
                        return int(process.name)
    return 0


def _promises_to_live(program: int) -> bool:
    """Whether a worker behind this program has a deadline that lies ahead."""
    numbers = (ctypes.c_uint32 * 64)()
    request = bytearray(256)
    struct.pack_into("=IQ", request, 52, 64, ctypes.addressof(numbers))  # nr_map_ids, map_ids
    with contextlib.suppress(OSError), _opened("bpf_prog_get_fd_by_id", program) as descriptor:
        count = struct.unpack_from("=I", _description(descriptor, bytes(request[:255])), 52)[0]
        return any(_has_deadline_ahead(number) for number in numbers[:count])
    return False


def _has_deadline_ahead(number: int) -> bool:
    with _opened("bpf_map_get_fd_by_id", number) as descriptor:
        description = _description(descriptor)
        if description[24:40].split(b"\0")[0] != b"deadlines":
            return False
        for queue in range(struct.unpack_from("=I", description, 16)[0]):  # max_entries
            key, value = ctypes.c_uint32(queue), ctypes.c_uint64(0)
            libbpf.call("bpf_map_lookup_elem", descriptor, ctypes.byref(key), ctypes.byref(value))
            if value.value > time.monotonic_ns():
                return True
    return False


def _detach(link: int) -> None:
    with contextlib.suppress(OSError), _opened("bpf_link_get_fd_by_id", link) as descriptor:
        libbpf.call("bpf_link_detach", descriptor)
