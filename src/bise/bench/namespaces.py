"""Network namespaces and veth pairs, made and removed with `ip` alone.

A namespace's name holds the pid of the process that made it, so that the next run can remove what a killed one left.
"""

import ctypes
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bise.errors import BiseError

_CLONE_NEWNET = 0x40000000
_FOLDER = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


class IpFailed(BiseError):
    """`ip` refused a line."""


def ip(lines: Iterable[str], namespace: str | None = None) -> None:
    """Run `lines` of `ip` in one batch; IpFailed says which line was refused."""
    text = "\n".join(lines) + "\n"
    place = ["-n", namespace] if namespace else []
    done = subprocess.run(["ip", *place, "-batch", "-"], input=text, text=True, capture_output=True)
    if done.returncode:
        raise IpFailed(f"ip in {namespace or 'this namespace'}: {done.stderr.strip()}\n{text}")


class Namespace:
    """A network namespace of ours."""

    def __init__(self, role: str, purpose: str = "bise") -> None:
        """`role` (client, router …) ends the name, `purpose` begins it, the pid of this process stands between."""
        self.role = role
        self.name = f"{purpose}-{os.getpid()}-{role}"
        ip([f"netns add {self.name}"])

    def ip(self, *lines: str) -> None:
        """Run lines of `ip` in here, all in one batch."""
        ip(lines, self.name)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread be in the namespace: its sockets, child processes and /proc/sys/net are the namespace's."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            here = os.open(_FOLDER / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _enter(here)
                yield
            finally:
                os.close(here)
                _enter(before)
        finally:
            os.close(before)

    def run(self, *command: str) -> str:
        """Run `command` in here as `ip netns exec` does (with a /sys of its own) and return what it printed."""
        done = subprocess.run(["ip", "netns", "exec", self.name, *command], capture_output=True, text=True)
        if done.returncode:
            raise BiseError(f"{' '.join(command)} in {self.name} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def run_line(self, command: str) -> str:
        """The same for a command in one string, quoted as for a shell."""
        return self.run(*shlex.split(command))

    def start(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start `command` in here as `ip netns exec` does; options are Popen's."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], **options)

    def sysctl(self, settings: Mapping[str, int | str]) -> None:
        """Set sysctls of the namespace; a slash separates the parts of a name (`net/ipv4/ip_forward`)."""
        with self.inside():
            for name, value in settings.items():
                Path("/proc/sys", name).write_text(f"{value}\n")

    def remove(self) -> None:
        """Remove the namespace with the interfaces in it; one that is gone already is fine."""
        with suppress(IpFailed):
            ip([f"netns del {self.name}"])


class Namespaces:
    """A set of namespaces that goes when its block ends, however it ends."""

    def __init__(self, *roles: str, purpose: str = "bise") -> None:
        self._purpose = purpose
        self._roles = roles
        self._made: list[Namespace] = []

    def __enter__(self) -> Sequence[Namespace]:
        try:
            for role in self._roles:
                self._made.append(Namespace(role, self._purpose))
        except BaseException:
            self.__exit__()
            raise
        return tuple(self._made)

    def __exit__(self, *ended: Any) -> None:
        for namespace in reversed(self._made):
            namespace.remove()
        self._made.clear()


def veth(here: Namespace, name: str, there: Namespace, peer: str, queues: int = 1, mtu: int = 1500) -> None:
    """Join `name` in `here` and `peer` in `there`, `queues` in each direction."""
    end = f"mtu {mtu} numtxqueues {queues} numrxqueues {queues}"
    ip([f"link add name {name} {end} netns {here.name} type veth peer name {peer} {end} netns {there.name}"])


def remove_leftovers(purpose: str = "bise", alive: Callable[[int], bool] | None = None) -> list[str]:
    """Remove the namespaces of runs that are dead, end the processes left in them, and return their names."""
    alive = alive or (lambda pid: Path(f"/proc/{pid}").exists())
    removed = []
    for path in _FOLDER.glob(f"{purpose}-*"):
        parts = re.fullmatch(rf"{re.escape(purpose)}-(\d+)-.+", path.name)
        if not parts or alive(int(parts[1])):
            continue
        inside = subprocess.run(["ip", "netns", "pids", path.name], capture_output=True, text=True).stdout
        for pid in inside.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        with suppress(IpFailed):
            ip([f"netns del {path.name}"])
            removed.append(path.name)
    return removed


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
