"""libbpf by ctypes: an object file opened, configured and loaded; maps written; links made.

Errors are OSError with libbpf's own words. Every descriptor made for BPF is close-on-exec.
"""

import ctypes
import errno
import functools
import os
from collections.abc import Callable, Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from bise.ports.errors import NotBuilt

XDP = 37  # enum bpf_attach_type, linux/bpf.h
XDP_DRIVER_MODE = 1 << 2  # linux/if_link.h
DEVICE_BOUND_ONLY = 1 << 6  # BPF_F_XDP_DEV_BOUND_ONLY, linux/bpf.h
HASH, ARRAY, NO_PREALLOCATION, MAPPABLE = 1, 2, 1, 1 << 10
_INGRESS, _EGRESS = 1, 2  # enum bpf_tc_attach_point

_POINTERS = {
    "bpf_object__open_file": [c_char_p, c_void_p],
    "bpf_object__next_program": [c_void_p, c_void_p],
    "bpf_object__next_map": [c_void_p, c_void_p],
}
_TEXTS = {"bpf_program__name": [c_void_p], "bpf_map__name": [c_void_p]}
_NUMBERS = {
    "bpf_object__load": [c_void_p],
    "bpf_object__close": [c_void_p],
    "bpf_program__set_autoload": [c_void_p, ctypes.c_bool],
    "bpf_program__set_ifindex": [c_void_p, c_uint32],
    "bpf_program__set_flags": [c_void_p, c_uint32],
    "bpf_program__flags": [c_void_p],
    "bpf_program__fd": [c_void_p],
    "bpf_map__fd": [c_void_p],
    "bpf_map__reuse_fd": [c_void_p, c_int],
    "bpf_map__set_max_entries": [c_void_p, c_uint32],
    "bpf_map_create": [c_int, c_char_p, c_uint32, c_uint32, c_uint32, c_void_p],
    "bpf_map_update_elem": [c_int, c_void_p, c_void_p, c_uint64],
    "bpf_map_delete_elem": [c_int, c_void_p],
    "bpf_map_lookup_elem": [c_int, c_void_p, c_void_p],
    "bpf_map_update_batch": [c_int, c_void_p, c_void_p, POINTER(c_uint32), c_void_p],
    "bpf_link_create": [c_int, c_int, c_int, c_void_p],
    "bpf_link_update": [c_int, c_int, c_void_p],
    "bpf_link_detach": [c_int],
    "bpf_link_get_next_id": [c_uint32, POINTER(c_uint32)],
    "bpf_link_get_fd_by_id": [c_uint32],
    "bpf_prog_get_fd_by_id": [c_uint32],
    "bpf_map_get_fd_by_id": [c_uint32],
    "bpf_obj_get_info_by_fd": [c_int, c_void_p, POINTER(c_uint32)],
    "bpf_tc_hook_create": [c_void_p],
    "bpf_tc_hook_destroy": [c_void_p],
    "bpf_tc_attach": [c_void_p, c_void_p],
    "libbpf_num_possible_cpus": [],
}
_LOG: list[str] = []
_PRINTER = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)


def _keep_words(level: int, template: bytes, arguments: int) -> int:
    buffer = ctypes.create_string_buffer(4096)
    written: int = ctypes.CDLL(None).vsnprintf(buffer, c_size_t(4096), template, c_void_p(arguments))
    if level < 2:  # warnings and what the verifier said; not debugging
        _LOG.append(buffer.value.decode(errors="replace").removeprefix("libbpf: ").strip())
    return written


_PRINT = _PRINTER(_keep_words)


@functools.cache
def library() -> ctypes.CDLL:
    """libbpf 1.x. Raises NotBuilt where it is not installed."""
    try:
        loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise NotBuilt("libbpf.so.1", "install the package libbpf1") from error
    for kinds, result in ((_POINTERS, c_void_p), (_TEXTS, c_char_p), (_NUMBERS, c_int)):
        for name, arguments in kinds.items():
            function = getattr(loaded, name)
            function.argtypes, function.restype = arguments, result
    loaded.libbpf_set_print.argtypes, loaded.libbpf_set_print.restype = [_PRINTER], c_void_p
    loaded.libbpf_set_print(_PRINT)
    return loaded


def call(name: str, *arguments: Any) -> Any:
    """A libbpf function that says by a negative number or a null pointer that it failed. Raises OSError."""
    _LOG.clear()
    function: Callable[..., Any] = getattr(library(), name)
    outcome = function(*arguments)
    if outcome is None or (isinstance(outcome, int) and function.restype is c_int and outcome < 0):  # type: ignore[attr-defined]
        number = ctypes.get_errno() or (-outcome if outcome else errno.EINVAL)
        raise OSError(number, "; ".join([os.strerror(number), *_LOG[-3:]]))
    return outcome


class BpfObject:
    """An object file: opened, then configured, then loaded. Closing it closes its maps' and programs' descriptors."""

    def __init__(self, path: Path) -> None:
        self._handle = call("bpf_object__open_file", str(path).encode(), None)

    def _members(self, kind: str) -> Iterator[tuple[str, int]]:
        member = getattr(library(), f"bpf_object__next_{kind}")(self._handle, None)
        while member:
            name = getattr(library(), "bpf_program__name" if kind == "program" else "bpf_map__name")(member)
            yield name.decode(), member
            member = getattr(library(), f"bpf_object__next_{kind}")(self._handle, member)

    def select(self, program: str, ifindex: int = 0) -> None:
        """Only this program is to be loaded; with `ifindex`, bound to that device, so that it may ask for metadata."""
        for name, handle in self._members("program"):
            call("bpf_program__set_autoload", handle, name == program)
            if name == program and ifindex:
                call("bpf_program__set_ifindex", handle, ifindex)
                flags = library().bpf_program__flags(handle) | DEVICE_BOUND_ONLY
                call("bpf_program__set_flags", handle, flags)

    def resize(self, name: str, entries: int) -> None:
        """The map gets room for `entries`."""
        call("bpf_map__set_max_entries", dict(self._members("map"))[name], entries)

    def reuse(self, name: str, descriptor: int) -> None:
        """The map is one that exists already: shared with other programs."""
        call("bpf_map__reuse_fd", dict(self._members("map"))[name], descriptor)

    def load(self) -> None:
        """Into the kernel, past the verifier. Raises OSError."""
        call("bpf_object__load", self._handle)

    def program(self, name: str) -> int:
        """A loaded program's descriptor; the object closes it."""
        return int(call("bpf_program__fd", dict(self._members("program"))[name]))

    def map(self, name: str) -> int:
        """A loaded map's descriptor; the object closes it."""
        return int(call("bpf_map__fd", dict(self._members("map"))[name]))

    def close(self) -> None:
        """Closes every descriptor; what is attached by a link stays as long as the link."""
        if self._handle:
            library().bpf_object__close(self._handle)
            self._handle = None


class _LinkOptions(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("flags", c_uint32), ("padding", c_uint32))


class _MapOptions(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("type_numbers", c_uint32 * 5), ("map_flags", c_uint32), ("extra", c_uint64))


class _Hook(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("ifindex", c_int), ("place", c_int), ("parent", c_uint32), ("padding", c_uint32))


class _Filter(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("program", c_int),
        ("flags", c_uint32),
        ("program_id", c_uint32),
        ("handle", c_uint32),
        ("priority", c_uint32),
        ("padding", c_uint32),
    )


def attach_xdp(program: int, ifindex: int) -> int:
    """A link's descriptor: the program runs natively on the interface until it is closed, by us or by our death."""
    options = _LinkOptions(ctypes.sizeof(_LinkOptions), XDP_DRIVER_MODE, 0)
    return int(call("bpf_link_create", program, ifindex, XDP, byref(options)))


def replace_xdp(link: int, program: int) -> None:
    """From one packet to the next, the link's interface runs this program: none meets no program."""
    call("bpf_link_update", link, program, None)


def attach_ingress(program: int, ifindex: int) -> None:
    """The program becomes the only tc filter at the interface's ingress; it stays until the interface goes."""
    hook = _Hook(ctypes.sizeof(_Hook), ifindex, _INGRESS, 0, 0)
    call("bpf_tc_hook_create", byref(hook))
    options = _Filter(ctypes.sizeof(_Filter), program, 0, 0, 1, 1, 0)
    call("bpf_tc_attach", byref(hook), byref(options))


def remove_ingress(ifindex: int) -> None:
    """Nothing stands at the interface's tc ingress and egress any more, nor the qdisc that they need."""
    call("bpf_tc_hook_destroy", byref(_Hook(ctypes.sizeof(_Hook), ifindex, _INGRESS | _EGRESS, 0, 0)))


def create_hash(name: str, key_octets: int, value_octets: int, entries: int) -> int:
    """A hash map's descriptor; memory is taken entry by entry."""
    options = _MapOptions(ctypes.sizeof(_MapOptions), map_flags=NO_PREALLOCATION)
    return int(call("bpf_map_create", HASH, name.encode(), key_octets, value_octets, entries, byref(options)))


def create_array(name: str, octets: int) -> int:
    """The descriptor of an array map with one entry of that size, which can be mapped."""
    options = _MapOptions(ctypes.sizeof(_MapOptions), map_flags=MAPPABLE)
    return int(call("bpf_map_create", ARRAY, name.encode(), 4, octets, 1, byref(options)))
