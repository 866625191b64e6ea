"""The BPF programs `generate` and `count`: built with clang when older than their source, loaded, their maps read."""

import ctypes
import os
import platform
import subprocess
from ctypes import byref, c_int, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import TypeVar

from bise.ports.errors import NotBuilt
from bise.ports.steering import libbpf
from bise.ports.steering.build import clang

_SOURCE = Path(__file__).with_name("traffic.bpf.c")
_BUILT = _SOURCE.parent / "build" / "traffic.bpf.o"
_LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES
HEADERS = 62
DELAYS = 1024

Record = TypeVar("Record", bound=ctypes.Structure)


class Settings(ctypes.Structure):
    """struct settings of traffic.bpf.c."""

    _fields_ = (
        ("gap_ps", c_uint64),
        ("interface", c_uint32),
        ("destinations", c_uint32),
        ("flows", c_uint32),
        ("sum", c_uint32),
        ("is_ipv6", c_uint32),
        ("port", c_uint32),
        ("stamped", c_uint32),
        ("headers", c_uint8 * (HEADERS + 2)),
    )


class Sent(ctypes.Structure):
    _fields_ = (("packets", c_uint64),)


class Counters(ctypes.Structure):
    """struct counters of traffic.bpf.c."""

    _fields_ = (("packets", c_uint64), ("wrong", c_uint64))


class Gap(ctypes.Structure):
    """struct gap of traffic.bpf.c."""

    _fields_ = (("last_ns", c_uint64), ("longest_ns", c_uint64))


class Delays(ctypes.Structure):
    """struct delays of traffic.bpf.c."""

    _fields_ = (("packets", c_uint64 * DELAYS),)


class _RunOptions(ctypes.Structure):
    """struct bpf_test_run_opts."""

    _fields_ = (
        ("octets", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("context_in", c_void_p),
        ("context_out", c_void_p),
        ("context_size_in", c_uint32),
        ("context_size_out", c_uint32),
        ("result", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("core", c_uint32),
        ("batch", c_uint32),
    )


def built() -> Path:
    """The object file, made anew if it is older than its source. Raises NotBuilt."""
    if _BUILT.exists() and _BUILT.stat().st_mtime >= _SOURCE.stat().st_mtime:
        return _BUILT
    _BUILT.parent.mkdir(exist_ok=True)
    fresh = _BUILT.with_suffix(f".{os.getpid()}")
    include = f"-I/usr/include/{platform.machine()}-linux-gnu"
    command = [clang(), "-O2", "-g", "-target", "bpf", "-mcpu=v3", include, "-c", str(_SOURCE), "-o", str(fresh)]
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode:
        raise NotBuilt(_SOURCE.name, outcome.stderr)
    fresh.replace(_BUILT)
    return _BUILT


def load(program: str, targets: int = 1) -> libbpf.BpfObject:
    """The object with only this program, and room for so many destinations. Raises OSError."""
    loaded = libbpf.BpfObject(built())
    try:
        loaded.select(program)
        loaded.resize("targets", targets)
        loaded.load()
    except BaseException:
        loaded.close()
        raise
    return loaded


def store(descriptor: int, index: int, value: ctypes.Structure | bytes) -> None:
    """Write one entry of an array map."""
    octets = bytes(value)
    libbpf.call("bpf_map_update_elem", descriptor, byref(c_uint32(index)), octets, 0)


def entry(descriptor: int, record: type[Record]) -> Record:
    """The first entry of an array map."""
    found = record()
    libbpf.call("bpf_map_lookup_elem", descriptor, byref(c_uint32(0)), byref(found))
    return found


def per_core(descriptor: int, record: type[Record]) -> list[Record]:
    """The only entry of a per-core array map, for each core."""
    found = (record * libbpf.library().libbpf_num_possible_cpus())()
    libbpf.call("bpf_map_lookup_elem", descriptor, byref(c_uint32(0)), found)
    return list(found)


def map_id(descriptor: int) -> int:
    """By which another process can open the map."""
    found = (c_uint32 * 20)()  # struct bpf_map_info: type, id, …
    libbpf.call("bpf_obj_get_info_by_fd", descriptor, found, byref(c_uint32(ctypes.sizeof(found))))
    return found[1]


def run_live(program: int, packet: bytes, repeat: int, batch: int) -> None:
    """Run a program on live frames in the caller's thread. Raises OSError: EINTR if a signal came."""
    data = ctypes.create_string_buffer(packet, len(packet))
    options = _RunOptions(octets=ctypes.sizeof(_RunOptions), data_size_in=len(packet), repeat=repeat, batch=batch)
    options.data_in = ctypes.addressof(data)
    options.flags = _LIVE_FRAMES
    run = libbpf.library().bpf_prog_test_run_opts
    run.argtypes, run.restype = [c_int, c_void_p], c_int
    libbpf.call("bpf_prog_test_run_opts", program, byref(options))
