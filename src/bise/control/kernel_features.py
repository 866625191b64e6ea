"""What this kernel can do, found by asking it for a small one of each (bpf(2), AF_XDP) and letting go of it at once."""

import ctypes
import errno
import mmap
import os
import platform
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

_BPF_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
_MAP_CREATE, _PROG_LOAD = 0, 5
_HASH, _ARRAY, _PERCPU_ARRAY, _XSKMAP = 1, 2, 6, 17
_MMAPABLE = 1 << 10
_SCHED_CLS, _XDP = 3, 6
# r0 = 2 (XDP_PASS, TC_ACT_SHOT); exit
_PROGRAM = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)
_AF_XDP, _SOL_XDP, _XDP_UMEM_REG, _UNALIGNED_CHUNKS = 44, 283, 4, 1


@dataclass(frozen=True)
class Feature:
    """Something that Bise needs of the kernel. `option` builds it in; `failure` is an errno, 0 if it is there."""

    name: str
    option: str
    failure: int

    @property
    def present(self) -> bool:
        """EPERM says nothing about the kernel; the caller's rights are looked at elsewhere."""
        return self.failure in (0, errno.EPERM, errno.EACCES)


def features() -> list[Feature]:
    """Each of them probed anew. Nothing stays behind."""
    return [Feature(name, option, _failure(probe)) for name, option, probe in _PROBES]


def _failure(probe: Callable[[], None]) -> int:
    try:
        probe()
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _bpf(command: int, attribute: bytes) -> None:
    number = _BPF_SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, platform.machine())
    space = ctypes.create_string_buffer(attribute, 128)
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(number, command, space, 128)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    os.close(descriptor)


def _map(kind: int, key: int = 4, value: int = 8, flags: int = 0) -> Callable[[], None]:
    return lambda: _bpf(_MAP_CREATE, struct.pack("=5I", kind, key, value, 1, flags))


def _program(kind: int) -> Callable[[], None]:
    def load() -> None:
        code, words = ctypes.create_string_buffer(_PROGRAM), ctypes.create_string_buffer(b"GPL")
        count = len(_PROGRAM) // 8
        _bpf(_PROG_LOAD, struct.pack("=2I2Q", kind, count, ctypes.addressof(code), ctypes.addressof(words)))

    return load


def _xdp_socket() -> None:
    socket.socket(_AF_XDP, socket.SOCK_RAW).close()


def _unaligned_chunks() -> None:
    with socket.socket(_AF_XDP, socket.SOCK_RAW) as end, mmap.mmap(-1, 1 << 16) as memory:
        held = ctypes.c_char.from_buffer(memory)
        # struct xdp_umem_reg: address, octets, chunk, headroom, flags
        wanted = struct.pack("=2Q3I4x", ctypes.addressof(held), 1 << 16, 2304, 256, _UNALIGNED_CHUNKS)
        try:
            end.setsockopt(_SOL_XDP, _XDP_UMEM_REG, wanted)
        finally:
            del held


def _tun() -> None:
    os.close(os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))


_PROBES: list[tuple[str, str, Callable[[], None]]] = [
    ("AF_XDP sockets", "CONFIG_XDP_SOCKETS", _xdp_socket),
    ("AF_XDP unaligned chunks", "CONFIG_XDP_SOCKETS", _unaligned_chunks),
    ("BPF programs at XDP", "CONFIG_BPF_SYSCALL", _program(_XDP)),
    ("BPF programs at tc", "CONFIG_NET_CLS_BPF", _program(_SCHED_CLS)),
    ("BPF maps of AF_XDP sockets", "CONFIG_XDP_SOCKETS", _map(_XSKMAP, value=4)),
    ("BPF maps in shared memory", "CONFIG_BPF_SYSCALL", _map(_ARRAY, flags=_MMAPABLE)),
    ("BPF hash maps", "CONFIG_BPF_SYSCALL", _map(_HASH)),
    ("BPF counters a core", "CONFIG_BPF_SYSCALL", _map(_PERCPU_ARRAY)),
    ("TAP interfaces", "CONFIG_TUN", _tun),
]
