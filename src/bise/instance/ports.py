"""The ports of an instance: opened from what the operator wrote, numbered, and their queues dealt out to workers.

A port with fewer queues than there are workers has some of them only: the others send through these, and what they
receive is spread over all. Such ports begin with different workers, so that no one has all the queues.
"""

from collections.abc import Sequence

from bise.control.config import Spread
from bise.control.port_specs import (
    KernelPort as KernelSpec,
)
from bise.control.port_specs import (
    MemifPort,
    MemoryPort,
    PcapPort,
    PciPort,
    PortSpec,
    VhostUserPort,
)
from bise.engine.crew import PORTS
from bise.engine.duty import Duty, ReceiveQueue, TransmitLane
from bise.engine.writer import HAND_OVER, Driver
from bise.ports.dpdk import devices
from bise.ports.dpdk.devices import Device
from bise.ports.dpdk.pool import Pool
from bise.ports.errors import PortError
from bise.ports.kernel import KernelPort, Shared
from bise.ports.owned import OwnedPort

AF_XDP, DPDK, FACE = 0, 1, 2
_MODULES = {AF_XDP: "bise.ports.af_xdp.rings", DPDK: "bise.ports.dpdk.queue", FACE: "bise.ports.face"}
_MTU = 1500
Port = KernelPort | OwnedPort


class PortTable:
    """The open ports by name. `queues`: of each port, None for one a worker where it can have as many.

    A name has one number as long as the instance lives: what workers count by numbers goes on when a port is back.
    """

    def __init__(
        self, shared: Shared, pool: Pool, workers: int, queues: int | None, spread: Spread = Spread.NEVER
    ) -> None:
        self._shared, self._pool, self._workers, self._spread = shared, pool, workers, spread
        self._queues = queues or workers
        self._hands_over: bool | None = None  # whether the pipeline knows of that; None: there is none yet
        self.open_ports: dict[str, Port] = {}
        self._numbers: dict[str, int] = {}
        self._leaving: set[str] = set()  # names of ports that workers may still use

    def open(self, spec: PortSpec, link: int = 0) -> Port:
        """Opens a port that isn't leaving; `link`: as in KernelPort. Raises PortError."""
        number = self._numbers.setdefault(spec.name, len(self._numbers))
        if number >= PORTS:
            raise PortError(spec.name, f"no more than {PORTS} ports")
        if isinstance(spec, KernelSpec):
            port: Port = KernelPort(spec.name, number, self._shared, spec.untagged, link)
        else:
            port = self._owned(spec, number)
        if self._hands_over is False and port.queue_count < self._workers:
            port.close()
            raise PortError(spec.name, f"it had a queue for each worker, and is back with {port.queue_count}: restart")
        self.open_ports[spec.name] = port
        return port

    def _owned(self, spec: PortSpec, number: int) -> OwnedPort:
        wanted = (isinstance(spec, VhostUserPort) and spec.queues) or self._queues
        device = _device(spec, wanted)
        queues = min(wanted, device.queues_at_most or wanted)
        return OwnedPort(spec.name, number, spec.kind, device, self._pool, queues, _MTU)

    def forget(self, name: str) -> Port:
        """No worker is given the port's queues from the next plan on; close it when they have all passed."""
        self._leaving.add(name)
        return self.open_ports.pop(name)

    def closed(self, port: Port) -> None:
        """It may be opened again."""
        self._leaving.discard(port.name)

    def is_leaving(self, name: str) -> bool:
        """Whether workers may still use the port of that name that was forgotten."""
        return name in self._leaving

    def by_link(self, link: int) -> Port | None:
        """The port whose interface this is."""
        return next((port for port in self.open_ports.values() if port.ifindex == link), None)

    def drivers(self) -> tuple[Driver, ...]:
        """The kinds of queue that a pipeline has to know for these ports."""
        kinds = {AF_XDP} if any(isinstance(port, KernelPort) for port in self.open_ports.values()) else set()
        if any(isinstance(port, OwnedPort) for port in self.open_ports.values()):
            kinds |= {DPDK, FACE}
        drivers = tuple(Driver(kind, _MODULES[kind]) for kind in sorted(kinds or {AF_XDP}))
        self._hands_over = any(self._is_short(port) or self.is_spread(port) for port in self.open_ports.values())
        return (*drivers, HAND_OVER) if self._hands_over else drivers

    def _is_short(self, port: Port) -> bool:
        return port.queue_count < self._workers

    def is_spread(self, port: Port) -> bool:
        """Whether what the port receives is spread over all workers by software."""
        if self._spread is Spread.ALWAYS:
            return self._workers > 1
        return self._spread is Spread.AUTO and self._is_short(port)

    def sleepless(self) -> list[str]:
        """Names of the ports whose packets can't wake a worker: idle ones look again and again."""
        return [name for name, port in self.open_ports.items() if isinstance(port, OwnedPort)]

    def duties(self) -> list[Duty]:
        """Each worker's share: the queues whose number is its own, modulo the number of workers; where there are fewer,
        counted from the worker with the port's number on."""
        return [self._duty(worker) for worker in range(self._workers)]

    def _duty(self, worker: int) -> Duty:
        queues: list[ReceiveQueue] = []
        lanes: list[TransmitLane] = []
        for port in self.open_ports.values():
            first = (worker - self._begins(port)) % self._workers
            queues += self._queues_of(port, range(first, port.queue_count, self._workers), worker)
            lanes.append(self._lane(port, first))
        return Duty(tuple(queues), tuple(lanes))

    def _begins(self, port: Port) -> int:
        """The number of the worker that has the port's first queue."""
        return port.number % self._workers if self._is_short(port) else 0

    def _lane(self, port: Port, queue: int) -> TransmitLane:
        """The worker sends by this queue, or through the worker of one that there is."""
        if queue >= port.queue_count:
            owner = (queue % port.queue_count + self._begins(port)) % self._workers
            return TransmitLane(port.number, 0, 0, owner)
        if isinstance(port, KernelPort):
            return TransmitLane(port.number, AF_XDP, port.sockets[queue].address)
        return TransmitLane(port.number, DPDK, port.device.queues[queue].address)

    def _queues_of(self, port: Port, numbers: Sequence[int], worker: int) -> list[ReceiveQueue]:
        if isinstance(port, KernelPort):
            return _kernel_queues(port, numbers, self.is_spread(port))
        return _owned_queues(port, numbers, self.is_spread(port), with_face=worker == self._begins(port))


def _kernel_queues(port: KernelPort, numbers: Sequence[int], spread: bool) -> list[ReceiveQueue]:
    return [
        ReceiveQueue(
            port.number,
            AF_XDP,
            port.sockets[number].address,
            port.deadline(number),
            port.overload,
            port.sockets[number].descriptor,
            port.punting,
            spread=spread,
        )
        for number in numbers
    ]


def _owned_queues(port: OwnedPort, numbers: Sequence[int], spread: bool, with_face: bool) -> list[ReceiveQueue]:
    tap, queues = port.face.descriptor, port.device.queues
    found = [
        ReceiveQueue(port.number, DPDK, queues[number].address, 0, 0, -1, tap, spread=spread) for number in numbers
    ]
    if with_face:
        found.append(ReceiveQueue(port.number, FACE, port.face.address, 0, 0, tap, tap, port.number + 1))
    return found


def _device(spec: PortSpec, queues: int) -> Device:
    match spec:
        case VhostUserPort():
            return devices.vhost_user(spec.path, spec.client)
        case MemifPort():
            return devices.memif(spec.path, spec.id, spec.server)
        case PciPort():
            return devices.pci(spec.address)
        case PcapPort():
            return devices.capture(spec.receive, spec.transmit)
        case MemoryPort():
            return devices.loop()
    raise PortError(spec.name, "is no port of Bise's own")
