"""A kernel-owned port: an interface that stays Linux's, whose transit packets come to workers by AF_XDP.

The steering program passes everything until a worker has promised to be alive and the gate is opened.
"""

from dataclasses import dataclass

from bise.ports.af_xdp.socket import PacketMemory, XdpSocket
from bise.ports.punt import PuntTap
from bise.ports.steering.layout import Flag
from bise.ports.steering.program import Steering, steer, succeed
from bise.ports.steering.verdicts import Verdicts

OVERLOAD_WORD = 3
# Drivers whose peer may be another system on the same machine, which leaves checksums out.
_WITHOUT_WIRE = frozenset({"veth", "virtio_net", "tun", "xen-netfront", "hv_netvsc", "ena", "gve", "vmxnet3"})


@dataclass(frozen=True)
class Shared:
    """What all kernel-owned ports of an instance have in common."""

    memory: PacketMemory
    punting: PuntTap
    verdicts: tuple[Verdicts, Verdicts]


class KernelPort:
    """`number` is the port's number for hot code; `sockets` one for each receive queue. Raises PortError.

    `untagged`: the operator vouches that no packet comes with a VLAN tag. `link`: not 0 where a predecessor has its
    program on the interface, by the link of that number, and its sockets on the queues; then `take_over` follows.
    """

    def __init__(self, name: str, number: int, shared: Shared, untagged: bool = False, link: int = 0) -> None:
        self.name, self.number = name, number
        self._shared = shared
        self.sockets: list[XdpSocket] = []
        self.succeeds = link != 0
        self.steering: Steering = (
            succeed(name, shared.verdicts, link, untagged) if link else steer(name, shared.verdicts, untagged)
        )
        interface = self.steering.interface
        self.ifindex, self.kind = interface.ifindex, interface.kind or interface.driver
        self.punting = -1
        try:
            self.punting = shared.punting.open(self.ifindex)
            for queue in range(interface.queues):
                self.sockets.append(XdpSocket(name, self.ifindex, queue, shared.memory, number, bound=False))
            if not self.succeeds:
                self._take_queues()
        except BaseException:
            self.close()
            raise
        self.incomplete_checksums = bool({interface.kind, interface.driver} & _WITHOUT_WIRE)
        self.steering.set_flags(Flag.INCOMPLETE_CHECKSUMS if self.incomplete_checksums else Flag.NONE)

    def take_over(self) -> None:
        """The predecessor has let go: its program is replaced, its queues are ours. Raises PortError."""
        self.steering.attach()
        self._take_queues()

    def _take_queues(self) -> None:
        for socket in self.sockets:
            socket.bind()
            self.steering.give(socket.queue, socket.descriptor)

    @property
    def queue_count(self) -> int:
        """Receive queues, each with its own socket."""
        return len(self.sockets)

    def deadline(self, queue: int) -> int:
        """Address of the word that says until when this queue's worker is alive."""
        return self.steering.deadlines.address + 8 * queue

    @property
    def overload(self) -> int:
        """Address of the word that leaves the port to the kernel until then."""
        return self.steering.words.address + 8 * OVERLOAD_WORD

    def release(self) -> None:
        """The interface is Linux's alone again, or a successor's. No worker may use its queues any more."""
        self.steering.close()
        for socket in self.sockets:
            socket.release()

    def close(self) -> None:
        """Releases the interface, and gives back what all ports share."""
        self.release()
        for socket in self.sockets:
            socket.close()
        self.sockets.clear()
        if self.punting >= 0:
            self._shared.punting.release(self.punting)
            self.punting = -1
