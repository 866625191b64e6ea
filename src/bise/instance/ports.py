"""The ports of an instance: opened from what the operator wrote, numbered, and their queues dealt out to workers."""

from collections.abc import Sequence
from itertools import count

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
from bise.engine.crew import PORTS, Duty, ReceiveQueue, TransmitLane
from bise.engine.writer import Driver
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
    """The open ports by name. `workers`: how many queues each port needs."""

    def __init__(self, shared: Shared, pool: Pool, workers: int, queues: int | None) -> None:
        self._shared, self._pool, self._workers = shared, pool, workers
        self._queues = queues or workers
        self.open_ports: dict[str, Port] = {}
        self._taken: set[int] = set()

    def open(self, spec: PortSpec, link: int = 0) -> Port:
        """Opens a port; `link`: as in KernelPort. Raises PortError."""
        number = next(number for number in count() if number not in self._taken)
        if number >= PORTS:
            raise PortError(spec.name, f"no more than {PORTS} ports")
        if isinstance(spec, KernelSpec):
            port: Port = KernelPort(spec.name, number, self._workers, self._shared, spec.untagged, link)
        else:
            queues = spec.queues if isinstance(spec, VhostUserPort) and spec.queues > 1 else self._queues
            if queues < self._workers:
                raise PortError(spec.name, f"{self._workers} workers need as many queues, and it has {queues}")
            port = OwnedPort(spec.name, number, spec.kind, _device(spec, queues), self._pool, queues, _MTU)
        self._taken.add(number)
        self.open_ports[spec.name] = port
        return port

    def forget(self, name: str) -> Port:
        """No worker is given the port's queues from the next plan on; close it when they have all passed."""
        return self.open_ports.pop(name)

    def closed(self, port: Port) -> None:
        """Its number may be used again."""
        self._taken.discard(port.number)

    def by_link(self, link: int) -> Port | None:
        """The port whose interface this is."""
        return next((port for port in self.open_ports.values() if port.ifindex == link), None)

    def drivers(self) -> tuple[Driver, ...]:
        """The kinds of queue that a pipeline has to know for these ports."""
        kinds = {AF_XDP} if any(isinstance(port, KernelPort) for port in self.open_ports.values()) else set()
        if any(isinstance(port, OwnedPort) for port in self.open_ports.values()):
            kinds |= {DPDK, FACE}
        return tuple(Driver(kind, _MODULES[kind]) for kind in sorted(kinds or {AF_XDP}))

    def sleepless(self) -> list[str]:
        """Names of the ports whose packets can't wake a worker: idle ones look again and again."""
        return [name for name, port in self.open_ports.items() if isinstance(port, OwnedPort)]

    def duties(self) -> list[Duty]:
        """Each worker's share: the queues whose number is its own, modulo the number of workers."""
        return [self._duty(worker) for worker in range(self._workers)]

    def _duty(self, worker: int) -> Duty:
        queues: list[ReceiveQueue] = []
        lanes: list[TransmitLane] = []
        for port in self.open_ports.values():
            if isinstance(port, KernelPort):
                queues += _kernel_queues(port, range(worker, len(port.sockets), self._workers))
                lanes.append(TransmitLane(port.number, AF_XDP, port.sockets[worker].address))
            else:
                queues += _owned_queues(port, range(worker, len(port.device.queues), self._workers), worker == 0)
                lanes.append(TransmitLane(port.number, DPDK, port.device.queues[worker].address))
        return Duty(tuple(queues), tuple(lanes))


def _kernel_queues(port: KernelPort, numbers: Sequence[int]) -> list[ReceiveQueue]:
    return [
        ReceiveQueue(
            port.number,
            AF_XDP,
            port.sockets[number].address,
            port.deadline(number),
            port.overload,
            port.sockets[number].descriptor,
            port.punting,
        )
        for number in numbers
    ]


def _owned_queues(port: OwnedPort, numbers: Sequence[int], with_face: bool) -> list[ReceiveQueue]:
    tap = port.face.descriptor
    found = [ReceiveQueue(port.number, DPDK, port.device.queues[number].address, 0, 0, -1, tap) for number in numbers]
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
