"""Facts about this machine that decide whether Bise can run, read and never changed, and the refusal that follows."""

import os
import resource
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bise.control.config import Configuration, ConfigurationError
from bise.control.port_specs import KernelPort
from bise.errors import BiseError
from bise.ports import huge_pages

# linux/capability.h. CAP_SYS_ADMIN stands for CAP_BPF, too.
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_IPC_LOCK": 14, "CAP_BPF": 39}
_SYS_ADMIN = 21


def admitted(wanted: Configuration) -> Configuration:
    """`wanted` with what was left open filled in, or the first obstacle as an exception."""
    if not wanted.ports:
        raise ConfigurationError("no port given; say --port eth0, once for each, or ports = […] in bise.toml")
    for obstacle in _obstacles(wanted):
        raise BiseError(obstacle)
    return wanted if wanted.cores else replace(wanted, cores=(max(allowed_cores()),))


def _obstacles(wanted: Configuration) -> Iterator[str]:
    if os.geteuid() != 0:
        yield "needs root, to take ports and load BPF programs; try again with sudo"
    if lacking := lacking_capabilities():
        yield f"root, but without {', '.join(lacking)} (a container?); grant what is missing"
    for port in wanted.ports:
        if isinstance(port, KernelPort) and not interface_exists(port.name):
            yield unknown_interface(port.name)
    yield from core_obstacles(wanted.cores)
    if wanted.memory > available_memory():
        yield (
            f"{wanted.memory >> 20}M of packet memory asked for, {available_memory() >> 20}M are available; "
            "give a smaller --memory"
        )


def core_obstacles(cores: tuple[int, ...]) -> Iterator[str]:
    """Why a worker can't be pinned to each of these."""
    online, allowed = online_cores(), allowed_cores()
    for core in cores:
        if core not in online:
            yield f"core {core} is not online (online: {listed(online)}); give others to --cores"
        elif core not in allowed:
            yield f"core {core} is not allowed to this process (allowed: {listed(allowed)}); see taskset(1), cpuset(7)"


def interface_exists(name: str) -> bool:
    """In this network namespace."""
    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False


def unknown_interface(name: str) -> str:
    """Why there is no port on `name`, and what there could be one on."""
    known = ", ".join(other for _, other in socket.if_nameindex() if other != "lo") or "none but lo"
    return f"no interface {name!r} in this network namespace (there is: {known})"


def online_cores() -> set[int]:
    """As the kernel lists them."""
    return _core_list(Path("/sys/devices/system/cpu/online").read_text())


def allowed_cores() -> set[int]:
    """Those that this process may run on."""
    return os.sched_getaffinity(0)


def listed(cores: set[int]) -> str:
    """{0, 1, 2, 5} as 0-2,5."""
    words: list[str] = []
    for core in sorted(cores):
        if core - 1 in cores and words:
            words[-1] = f"{words[-1].split('-')[0]}-{core}"
        else:
            words.append(str(core))
    return ",".join(words)


def lacking_capabilities() -> list[str]:
    """Those of the needed ones that are not effective in this process."""
    effective = int(_field("/proc/self/status", "CapEff") or "0", 16)
    lacking = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    return [name for name in lacking if name != "CAP_BPF" or not effective >> _SYS_ADMIN & 1]


def available_memory() -> int:
    """Octets that can be had without swapping, huge pages included."""
    kibibytes = (_field("/proc/meminfo", "MemAvailable") or "0 kB").split()[0]
    return int(kibibytes) * 1024 + huge_pages.free_octets()


def has_transparent_huge_pages() -> bool:
    """Whether plain memory may become huge by itself."""
    policy = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return policy.exists() and "[never]" not in policy.read_text()


def locked_memory_limit() -> int | None:
    """Octets that this process may lock; None: as many as it likes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    unlimited = soft == resource.RLIM_INFINITY or "CAP_IPC_LOCK" not in lacking_capabilities()
    return None if unlimited else soft


def _core_list(text: str) -> set[int]:
    cores: set[int] = set()
    for word in text.strip().split(","):
        first, _, last = word.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return cores


def _field(path: str, key: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{key}:"):
            return line.removeprefix(f"{key}:").strip()
    return None
