"""Punting: a packet that only Linux can answer re-enters it as received on its port.

One TAP an instance, a queue of it for each port. A BPF program at the TAP's ingress sees by which queue a packet was
written and moves it to the ingress of that port's interface, so that `iifname`, `rp_filter` and conntrack see the port.
Only behind native XDP: there a packet that re-enters does not pass the port's steering program again.
"""

import ctypes
import hashlib
import os

from bise.hot import external, hot
from bise.ports import tap
from bise.ports.errors import PortError
from bise.ports.steering import libbpf, netlink
from bise.ports.steering.build import object_path

PORTS = 256  # queues that a TAP can have
_NAME_OCTETS = 15

_write = external("write", "i64", ("i32", "i64", "i64"))


@hot
def punt(descriptor, data, length):
    """Writes the packet of `length` octets at `data`; whether Linux took it."""
    return _write(descriptor, data, length) == length


def tap_names(instance: str) -> tuple[str, str]:
    """The names of an instance's TAP and of its successor's, in turns: readable where there is room for it."""
    return _tap_name("bise-punt", instance), _tap_name("bise-punt2", instance)


def _tap_name(start: str, instance: str) -> str:
    name = start if instance == "bise" else f"{start}-{instance}"
    room = _NAME_OCTETS - len(start) - 1
    if len(name) <= _NAME_OCTETS:
        return name
    return f"{start}-{hashlib.sha256(instance.encode()).hexdigest()[:room]}"


class PuntTap:
    """The TAP of an instance, up and silent. `name` and `ifindex` are for those who have to leave it alone."""

    def __init__(self, instance: str = "bise", succeeds: bool = False) -> None:
        """`succeeds`: another instance of this name lives still. Raises PortError: no TAP, no clsact, or a living
        instance of this name in this namespace."""
        self.name, second = tap_names(instance)
        if succeeds and tap.exists(self.name):
            self.name = second
        self._queues = [tap.open_tap(self.name, several_queues=True)]
        self._interfaces: list[int] = [0]  # by queue; 0: the queue is free
        self._program: libbpf.BpfObject | None = None
        try:
            self.ifindex = tap.index_of(self.name)
            self._program = self._attached()
            tap.keep_ipv6_off(self.name)
            mask = tap.UP | tap.NO_ARP | tap.MULTICAST
            netlink.change_link(self.ifindex, flags=tap.UP | tap.NO_ARP, mask=mask)
        except OSError as error:
            self.close()
            raise PortError(self.name, f"punting can't be set up: {error.strerror}") from error
        except PortError:
            self.close()
            raise

    def _attached(self) -> libbpf.BpfObject:
        program = libbpf.BpfObject(object_path("punt"))
        try:
            program.load()
            libbpf.attach_ingress(program.program("bise_punt"), self.ifindex)
        except OSError:
            program.close()
            raise
        return program

    def open(self, ifindex: int) -> int:
        """A descriptor: what is written to it is received on interface `ifindex`. Raises PortError."""
        if 0 in self._interfaces:
            queue = self._interfaces.index(0)
        elif len(self._queues) == PORTS:
            raise PortError(self.name, f"no more than {PORTS} ports")
        else:
            queue = len(self._queues)
            self._queues.append(tap.open_tap(self.name, several_queues=True, exclusive=False))
            self._interfaces.append(0)
        self._direct(queue, ifindex)
        return self._queues[queue]

    def release(self, descriptor: int) -> None:
        """The port is gone. Its queue stays open (closing it would renumber the others) and serves a later port."""
        self._direct(self._queues.index(descriptor), 0)

    def _direct(self, queue: int, ifindex: int) -> None:
        assert self._program is not None
        key, value = ctypes.c_uint32(queue), ctypes.c_uint32(ifindex)
        interfaces = self._program.map("interfaces")
        libbpf.call("bpf_map_update_elem", interfaces, ctypes.byref(key), ctypes.byref(value), 0)
        self._interfaces[queue] = ifindex

    def close(self) -> None:
        """The TAP goes; no worker may know a descriptor of it any more."""
        for descriptor in self._queues:
            os.close(descriptor)
        self._queues.clear()
        if self._program is not None:
            self._program.close()
            self._program = None
