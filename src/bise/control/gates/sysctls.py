"""Reads the sysctls that forwarding depends on, by descriptors kept open: most change without an announcement.

A read through a kept descriptor takes about a microsecond and no lock of the kernel. A file that goes with its
interface answers ENOENT and is looked for anew.
"""

import os
from collections.abc import Iterable

from bise.control.gates.settings import Multipath, PortSettings, Settings

_ROOT = "/proc/sys/net"
_OWN4 = ("forwarding", "rp_filter", "accept_local", "route_localnet", "log_martians", "send_redirects",
         "bc_forwarding", "accept_redirects")  # fmt: skip
_ALL4 = _OWN4[1:]
_OWN6 = ("forwarding", "force_forwarding", "disable_ipv6", "accept_redirects", "mtu")
_ALL6 = ("forwarding", "proxy_ndp")
_NAMESPACE = (
    "ipv4/fib_multipath_hash_policy", "ipv4/fib_multipath_hash_fields", "ipv4/fib_multipath_hash_seed",
    "ipv4/fib_multipath_use_neigh", "ipv6/fib_multipath_hash_policy", "ipv6/fib_multipath_hash_fields",
    "ipv4/ip_forward_use_pmtu", "ipv4/ip_forward_update_priority",
)  # fmt: skip


class Sysctls:
    """The observer of one namespace, that of the thread that made it and uses it."""

    def __init__(self) -> None:
        self._descriptors: dict[str, int] = {}
        self._ports: tuple[str, ...] = ()
        self._raw: list[bytes] = []
        self._settings = Settings()

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def observe(self, ports: Iterable[str]) -> Settings:
        """The settings now; the same object as before where no file changed."""
        names = tuple(ports)
        if names != self._ports:
            self.close()
            self._ports = names
        paths = _paths(names)
        raw = [self._read(path) for path in paths]
        if raw != self._raw or tuple(self._settings.ports) != names:
            self._raw = raw
            values = {path: int(octets) for path, octets in zip(paths, raw, strict=True) if octets.strip()}
            self._settings = settings_from(values, names)
        return self._settings

    def _read(self, path: str) -> bytes:
        """A file's octets; empty where this kernel or this interface has none."""
        for _ in range(2):
            descriptor = self._descriptors.get(path)
            try:
                if descriptor is None:
                    descriptor = self._descriptors[path] = os.open(f"{_ROOT}/{path}", os.O_RDONLY | os.O_CLOEXEC)
                return os.pread(descriptor, 32, 0)
            except (FileNotFoundError, NotADirectoryError):
                # its interface went; another one, or the same renamed, may have come
                if descriptor is None:
                    return b""
                os.close(self._descriptors.pop(path))
        return b""


def _paths(ports: tuple[str, ...]) -> list[str]:
    paths = list(_NAMESPACE)
    paths += [f"ipv4/conf/all/{knob}" for knob in _ALL4]
    paths += [f"ipv6/conf/all/{knob}" for knob in _ALL6]
    for port in ports:
        paths += [f"ipv4/conf/{port}/{knob}" for knob in _OWN4]
        paths += [f"ipv6/conf/{port}/{knob}" for knob in _OWN6]
    return paths


def settings_from(values: dict[str, int], ports: Iterable[str]) -> Settings:
    """Settings from sysctl values by path below net/. A missing value is 0; a missing directory a family off."""

    def value(path: str) -> int:
        return values.get(path, 0)

    seed = value("ipv4/fib_multipath_hash_seed")
    use_neigh = bool(value("ipv4/fib_multipath_use_neigh"))
    hash4 = value("ipv4/fib_multipath_hash_policy"), value("ipv4/fib_multipath_hash_fields")
    hash6 = value("ipv6/fib_multipath_hash_policy"), value("ipv6/fib_multipath_hash_fields")
    return Settings(
        ports={port: port_settings(values, port) for port in ports},
        multipath4=Multipath(*hash4, seed, use_neigh),
        multipath6=Multipath(*hash6, seed),
        use_pmtu=bool(value("ipv4/ip_forward_use_pmtu")),
        update_priority=bool(value("ipv4/ip_forward_update_priority")),
        proxy_ndp=bool(value("ipv6/conf/all/proxy_ndp")),
    )


def port_settings(values: dict[str, int], port: str) -> PortSettings:
    """One port's effective values, combined with `all` as include/linux/inetdevice.h combines them."""
    own4 = {knob: values.get(f"ipv4/conf/{port}/{knob}", 0) for knob in _OWN4}
    all4 = {knob: values.get(f"ipv4/conf/all/{knob}", 0) for knob in _ALL4}
    own6 = {knob: values.get(f"ipv6/conf/{port}/{knob}", 0) for knob in _OWN6}
    ipv6 = f"ipv6/conf/{port}/mtu" in values and not own6["disable_ipv6"]
    either = {knob: bool(own4[knob] or all4[knob]) for knob in _ALL4}
    both = {knob: bool(own4[knob] and all4[knob]) for knob in _ALL4}
    return PortSettings(
        ipv4=f"ipv4/conf/{port}/forwarding" in values,
        ipv6=ipv6,
        # IPv4 asks the interface alone; IPv6 asks the namespace, or force_forwarding of the interface
        forwarding4=bool(own4["forwarding"]),
        forwarding6=bool(values.get("ipv6/conf/all/forwarding", 0) or own6["force_forwarding"]),
        rp_filter=max(own4["rp_filter"], all4["rp_filter"]),
        accept_local=either["accept_local"],
        route_localnet=either["route_localnet"],
        log_martians=either["log_martians"],
        send_redirects=either["send_redirects"],
        bc_forwarding=both["bc_forwarding"],
        accept_redirects4=both["accept_redirects"] if own4["forwarding"] else either["accept_redirects"],
        accept_redirects6=bool(own6["accept_redirects"]) and not own6["forwarding"],
        mtu6=own6["mtu"] if ipv6 else 0,
    )
