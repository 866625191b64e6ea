"""BPF programs of two instructions, loaded and attached the ways that no command line tool has."""

import ctypes
import os
import struct
from types import TracebackType
from typing import Self

from bise.control.gates.bpf import bpf

_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH, _LINK_CREATE = 5, 8, 9, 28
SCHED_CLS, XDP, NETFILTER = 3, 6, 32
AT_XDP, AT_NETFILTER, AT_TCX_INGRESS, AT_TCX_EGRESS = 37, 45, 46, 47
_LICENSE = ctypes.create_string_buffer(b"GPL")


class Program:
    """`return result`, as a program of some type."""

    def __init__(self, kind: int, attach: int, result: int) -> None:
        code = struct.pack("<BBhi", 0xB7, 0, 0, result) + struct.pack("<BBhi", 0x95, 0, 0, 0)
        self._code = ctypes.create_string_buffer(code, len(code))
        places = ctypes.addressof(self._code), ctypes.addressof(_LICENSE)
        attribute = struct.pack("=IIQQIIQII16sII", kind, 2, *places, 0, 0, 0, 0, 0, b"gate", 0, attach)
        self.descriptor, _ = bpf(_PROG_LOAD, attribute)
        self._held = [self.descriptor]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Close program and links; with the last descriptor goes what was attached."""
        for descriptor in reversed(self._held):
            os.close(descriptor)
        self._held.clear()

    def link(self, target: int, attach: int, more: bytes = b"") -> None:
        """Attach by a link that lives as long as this."""
        attribute = struct.pack("=IIII", self.descriptor, target, attach, 0) + more.ljust(32, b"\0")
        descriptor, _ = bpf(_LINK_CREATE, attribute)
        self._held.append(descriptor)

    def attach(self, interface: int, hook: int) -> None:
        """Attach to a tcx hook without a link."""
        bpf(_PROG_ATTACH, struct.pack("=IIIIIIQ", interface, self.descriptor, hook, 0, 0, 0, 0))

    def detach(self, interface: int, hook: int) -> None:
        bpf(_PROG_DETACH, struct.pack("=IIIIIIQ", interface, self.descriptor, hook, 0, 0, 0, 0))


def netfilter(family: int, hook: int) -> Program:
    """NF_ACCEPT at a hook of this thread's namespace."""
    program = Program(NETFILTER, AT_NETFILTER, 1)
    program.link(0, AT_NETFILTER, struct.pack("=IIiI", family, hook, 0, 0))
    return program
