"""A port that Bise owns: a device of DPDK's, and a TAP of the port's name that Linux sees in its place.

What Linux sends by the TAP leaves by the device; what the workers punt is written to the TAP.
"""

from collections.abc import Callable

from bise.ports.dpdk.devices import Device
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.port import DpdkPort
from bise.ports.face import Face


class OwnedPort:
    """`number` is the port's number for hot code; `device` its queues, `face` its kernel face. Raises PortError."""

    incomplete_checksums = False  # the device completes what its peer left out

    def __init__(self, name: str, number: int, kind: str, device: Device, pool: Pool, queues: int, mtu: int) -> None:
        self.name, self.number, self.kind = name, number, kind
        self._pool = pool
        self.device = DpdkPort(name, device, pool, queues, mtu)
        try:
            self.face = Face(name, self.device.mac, mtu, number)
        except BaseException:
            self.device.close()
            raise
        self.ifindex = self.face.ifindex
        self._up = True  # a TAP begins with a carrier

    @property
    def queue_count(self) -> int:
        """Queues of the device, each way."""
        return len(self.device.queues)

    def tend(self, now: int, boundary: Callable[[], object]) -> None:
        """Once a second: calls a peer that is away, and shows Linux whether there is one; `now` in ns.

        `boundary` returns when each worker has passed a burst boundary.
        """
        up = self.device.reconnect(now, boundary)
        if up != self._up:
            self.face.set_carrier(up)
            self._up = up

    def close(self) -> None:
        """The interface goes, and the device. No worker may use their queues any more."""
        spare = self.face.take_spare()
        if spare:
            self._pool.put([spare])
        self.face.close()
        self.device.close()
