"""One instance of the steering program on one port: loaded, attached natively, fed, and gone with the process."""

import contextlib
import ctypes
import os
from enum import Enum
from pathlib import Path

from bise.ports.errors import PortError
from bise.ports.steering import ethtool, libbpf, netlink
from bise.ports.steering.build import object_path
from bise.ports.steering.interface import Answer, Interface, no_native_xdp, read_interface, tags_unseen
from bise.ports.steering.layout import FLAGS, GATE, MAC, WORDS, Flag, Gate, Reason, mac_word
from bise.ports.steering.occupant import hold, make_room, number_of, read_occupant
from bise.ports.steering.verdicts import Verdicts
from bise.ports.steering.words import SharedWords


class Tags(Enum):
    """How the program comes to know a VLAN tag that the hardware took out of the packet."""

    ASKED = "the driver is asked"
    LEFT_IN = "rxvlan off: tags stay in the packet"
    VOUCHED = "the operator says that there are none"


class Steering:
    """The steering program of a port. Everything is the kernel's until `set_gate` and a deadline say otherwise.

    `interface` is as it was at the start; `words` and `deadlines` are shared memory, their `.address` is for hot code.
    """

    def __init__(self, interface: Interface, tags: Tags, loaded: libbpf.BpfObject, program: str) -> None:
        self.interface, self.tags, self._object = interface, tags, loaded
        self.words = SharedWords(loaded.map("words"), WORDS)
        self.deadlines = SharedWords(loaded.map("deadlines"), interface.queues)
        self._link = -1
        self._restores_tag_stripping = self._closed = False
        self.set_gate(Gate.PASS_ALL)
        self.set_mac(interface.mac)
        self._program = loaded.program(program)

    def set_gate(self, gate: Gate) -> None:
        """What of the port's traffic is the kernel's, from the next packet on."""
        self.words[GATE] = gate

    def set_mac(self, mac: int) -> None:
        """The port's own address, 48 bits in network order."""
        self.words[MAC] = mac_word(mac)

    def set_flags(self, flags: Flag) -> None:
        """What is peculiar about the packets of this port."""
        self.words[FLAGS] = flags

    def give(self, queue: int, socket: int) -> None:
        """From now on packets of this queue may go to this AF_XDP socket."""
        key, value = ctypes.c_uint32(queue), ctypes.c_uint32(socket)
        libbpf.call("bpf_map_update_elem", self._object.map("xsks"), ctypes.byref(key), ctypes.byref(value), 0)

    def take(self, queue: int) -> None:
        """The queue is the kernel's again."""
        self.deadlines[queue] = 0
        key = ctypes.c_uint32(queue)
        with contextlib.suppress(FileNotFoundError):  # a closed socket leaves the map by itself
            libbpf.call("bpf_map_delete_elem", self._object.map("xsks"), ctypes.byref(key))

    def counts(self) -> dict[Reason, int]:
        """How many packets went to the kernel, by reason, over all cores."""
        cores = libbpf.library().libbpf_num_possible_cpus()
        values = (ctypes.c_uint64 * cores)()
        totals = {}
        for reason in list(Reason)[1:]:
            key = ctypes.c_uint32(reason)
            libbpf.call("bpf_map_lookup_elem", self._object.map("counts"), ctypes.byref(key), values)
            totals[reason] = sum(values)
        return totals

    @property
    def link(self) -> int:
        """The number of the link by which the program is on the interface."""
        return number_of(self._link)

    def attach(self) -> None:
        """Natively, by a link that dies with the process, or in place of the predecessor's program, by its link. Raises
        PortError with the driver's own reason."""
        try:
            if self._link >= 0:
                libbpf.replace_xdp(self._link, self._program)
            else:
                self._link = libbpf.attach_xdp(self._program, self.interface.ifindex)
        except OSError as error:
            if self._link >= 0:
                raise PortError(self.interface.name, f"its program can't be replaced: {error.strerror}") from error
            merges = "; its hardware merges packets (`lro off` may help)" if self.interface.merges_packets else ""
            refusal = self._refusal() or error.strerror
            reason = no_native_xdp(self.interface) or f"no native XDP: {refusal}{merges}"
            raise PortError(self.interface.name, reason) from error

    def _refusal(self) -> str:
        """A link says only a number; attaching without one brings the driver's words."""
        try:
            netlink.set_xdp(self.interface.ifindex, self._program, libbpf.XDP_DRIVER_MODE | 1)  # only if none is there
        except netlink.Refused as refused:
            return str(refused.strerror)
        netlink.set_xdp(self.interface.ifindex, -1, libbpf.XDP_DRIVER_MODE)
        return ""

    def leave_tags_in(self) -> None:
        """Switches `rxvlan` off until `close`. Raises PortError where tags would still be taken out."""
        name = self.interface.name
        unseen = tags_unseen(self.interface)
        if unseen:
            raise PortError(name, unseen)
        if not self.interface.strips_tags:
            return
        try:
            ethtool.set_strips_tags(name, False)
        except OSError as error:
            reason = f"its hardware takes VLAN tags out and `rxvlan off` failed: {error.strerror}"
            raise PortError(name, reason) from error
        self._restores_tag_stripping = True
        if ethtool.strips_tags(name):
            raise PortError(name, "its hardware takes VLAN tags out and can't be told to leave them in")

    def succeed(self, link: int) -> None:
        """`attach` will come in place of the program behind this link of a predecessor. Raises PortError."""
        self._link = hold(self.interface, link)

    def leave_to_successor(self) -> bool:
        """Somebody else holds the link, too, so that the program stays after `close`, passing everything. Whether it is
        the successor who has to `inherit` that tags were taken out before."""
        restores, self._restores_tag_stripping = self._restores_tag_stripping, False
        return restores

    def inherit(self) -> None:
        """A predecessor told the hardware to leave tags in: `close` tells it to take them out again."""
        self._restores_tag_stripping = True

    def close(self) -> None:
        """Everything is the kernel's again, as it was before."""
        if self._closed:
            return
        self._closed = True
        self.set_gate(Gate.PASS_ALL)
        if self._link >= 0:
            os.close(self._link)
        if self._restores_tag_stripping:
            with contextlib.suppress(OSError):  # the interface may have gone
                ethtool.set_strips_tags(self.interface.name, True)
        self.words.close()
        self.deadlines.close()
        self._object.close()


def _load(
    path: Path, program: str, interface: Interface, bound: bool, verdicts: tuple[Verdicts, Verdicts]
) -> libbpf.BpfObject:
    opened = libbpf.BpfObject(path)
    try:
        opened.select(program, interface.ifindex if bound else 0)
        opened.resize("deadlines", interface.queues)
        opened.resize("xsks", interface.queues)
        for shared in verdicts:
            opened.reuse(f"verdicts{shared.family}", shared.descriptor)
            opened.reuse(f"doubts{shared.family}", shared.doubts.descriptor)
        opened.load()
    except OSError:
        opened.close()
        raise
    return opened


def _loaded(interface: Interface, verdicts: tuple[Verdicts, Verdicts], untagged: bool) -> Steering:
    """The variant that this driver allows, not yet attached."""
    path = object_path("steer")
    if interface.vlan_metadata is Answer.YES:
        with contextlib.suppress(OSError):  # a kernel that takes several buffers or bound programs, not both
            loaded = _load(path, "bise_steer_tags", interface, True, verdicts)
            return Steering(interface, Tags.ASKED, loaded, "bise_steer_tags")
    steering = Steering(interface, Tags.LEFT_IN, _load(path, "bise_steer", interface, False, verdicts), "bise_steer")
    try:
        steering.leave_tags_in()
    except PortError:
        if not untagged:
            steering.close()
            raise
        steering.tags = Tags.VOUCHED
    return steering


def steer(name: str, verdicts: tuple[Verdicts, Verdicts], untagged: bool = False) -> Steering:
    """Puts the steering program on the interface, passing everything. `verdicts`: the shared maps, IPv4 and IPv6.

    `untagged`: the operator vouches that no packet comes with a VLAN tag, where the kernel can't tell.
    Raises PortError: no such interface, no native XDP and why, a foreign program, a living Bise, what the kernel lacks.
    """
    interface = read_interface(name)
    make_room(interface, read_occupant(interface))
    steering = _loaded_or_refused(interface, verdicts, untagged)
    try:
        steering.attach()
    except PortError:
        steering.close()
        raise
    return steering


def succeed(name: str, verdicts: tuple[Verdicts, Verdicts], link: int, untagged: bool = False) -> Steering:
    """Like `steer`, where a predecessor's program is on the interface by this link, and stays there until `attach`."""
    steering = _loaded_or_refused(read_interface(name), verdicts, untagged)
    try:
        steering.succeed(link)
    except PortError:
        steering.close()
        raise
    return steering


def _loaded_or_refused(interface: Interface, verdicts: tuple[Verdicts, Verdicts], untagged: bool) -> Steering:
    try:
        return _loaded(interface, verdicts, untagged)
    except PermissionError as error:
        raise PortError(interface.name, "loading a BPF program needs root (CAP_BPF and CAP_NET_ADMIN)") from error
    except OSError as error:
        raise PortError(interface.name, f"the kernel refused the steering program: {error.strerror}") from error
