"""A device opened as a port: queues for hot code, link, MAC and counters for Python."""

import ctypes
import errno
import hashlib
import mmap
from collections.abc import Callable
from dataclasses import dataclass

from bise.ports.dpdk import eal, shim
from bise.ports.dpdk.devices import Device, remove_stale_socket
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.queue import Queue
from bise.ports.errors import PortError

CALL_AGAIN_NS = 1_000_000_000


@dataclass(frozen=True)
class Statistics:
    """A port's own account since it was opened, in packets and octets."""

    received: int
    received_octets: int
    transmitted: int
    transmitted_octets: int
    missed: int
    receive_errors: int
    transmit_errors: int
    no_packet_free: int


class DpdkPort:
    """`device` open as the port `name`, started, with `queues` queues each way. Raises PortError.

    `mac` None: the device's own where it is a NIC, else one made from the instance's and the port's name. The port has
    to be closed before the pool, and only when no worker uses its queues any more.
    """

    def __init__(
        self, name: str, device: Device, pool: Pool, queues: int = 1, mtu: int = 1500, mac: int | None = None
    ) -> None:
        if device.queues_at_most and queues > device.queues_at_most:
            raise PortError(name, f"has {device.queues_at_most} queues at most, not {queues}")
        self.name, self.device, self.pool, self.mtu = name, device, pool, mtu
        self._called_ns = -CALL_AGAIN_NS
        if device.socket is not None:
            remove_stale_socket(name, device.socket)
        self.number = self._attach(queues)
        try:
            sleeping = int(device.sleeps)
            shim.call(name, "bise_port_configure", self.number, queues, mtu, int(device.dma), sleeping)
            self.mac = self._choose_mac(mac)
            self._start()
        except PortError:
            shim.attempt("bise_port_detach", self.number)
            raise
        self._memory = mmap.mmap(-1, max(queues * Queue.size, mmap.PAGESIZE))
        self.queues = self._make_queues(queues)

    def _attach(self, queues: int) -> int:
        known = self.device.name(self.name)
        if len(known) >= 64:  # RTE_DEV_NAME_MAX_LEN
            raise PortError(self.name, "this name is too long")
        found = shim.attempt("bise_port_find", known.encode())
        if found >= 0 and not self.device.dma:
            raise PortError(self.name, "there is a port of this name already")
        if found < 0:
            shim.call(self.name, "bise_port_attach", self.device.named(self.name, queues).encode())
            found = shim.call(self.name, "bise_port_find", known.encode())
        return found

    def _start(self) -> None:
        try:
            shim.call(self.name, "bise_port_start", self.number)
        except shim.DpdkRefused:
            if not self.device.calls:
                raise

    def _choose_mac(self, wanted: int | None) -> int:
        """What others know as the port's address; a device that filters is told."""
        if wanted is None and self.device.dma:
            return shim.call(self.name, "bise_port_mac", self.number)
        mac = wanted if wanted is not None else made_mac(self.name)
        result = shim.attempt("bise_port_set_mac", self.number, mac)
        if self.device.dma and result not in (0, -errno.ENOTSUP):
            raise shim.DpdkRefused(self.name, -result, shim.log().drain())
        return mac

    def _make_queues(self, n: int) -> list[Queue]:
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        queues = [Queue(start + i * Queue.size) for i in range(n)]
        for i, queue in enumerate(queues):
            ctypes.memset(queue.address, 0, Queue.size)
            queue.port, queue.queue, queue.remote = self.number, i, int(self.device.dma)
        return queues

    @property
    def up(self) -> bool:
        """Whether there is a link: for memif and vhost-user, whether a peer is there."""
        return shim.call(self.name, "bise_port_link", self.number) == 1

    def statistics(self) -> Statistics:
        """The device's own counters."""
        numbers = (ctypes.c_int64 * 8)()
        shim.call(self.name, "bise_port_statistics", self.number, numbers)
        return Statistics(*numbers)

    def reconnect(self, now_ns: int, boundary: Callable[[], object]) -> bool:
        """Calls a peer that is away, where that is the port's part, once a second at most; whether there is a link.

        `boundary` returns when each worker has passed a burst boundary; meanwhile and until there is a peer, the port
        receives nothing and what is sent is dropped.
        """
        # A call must not be cut off: DPDK answers it in a thread of its own.
        if self.device.calls and not self.up and now_ns - self._called_ns >= CALL_AGAIN_NS:
            self._called_ns = now_ns
            shim.attempt("bise_port_pause", self.number)
            boundary()
            shim.call(self.name, "bise_port_stop", self.number)
            self._start()
        return self.up

    def descriptor(self, queue: int) -> int | None:
        """What becomes readable when packets come to a queue that was armed; None: the device can only be polled."""
        if not self.device.sleeps:
            return None
        return shim.call(self.name, "bise_port_descriptor", self.number, queue)

    def arm(self, queue: int) -> None:
        """Asks for a sign on the descriptor at the next packet. Receive once more afterwards, then sleep."""
        shim.call(self.name, "bise_port_arm", self.number, queue)

    def disarm(self, queue: int) -> None:
        """Back to polling: the peer needn't tell any more."""
        shim.call(self.name, "bise_port_disarm", self.number, queue)

    def close(self) -> None:
        """Stops and removes the device; packets that it held are back in the pool."""
        if self.number >= 0:
            number, self.number = self.number, -1
            shim.call(self.name, "bise_port_detach", number)


def made_mac(port: str) -> int:
    """A locally administered unicast address, the same at each start of the same instance."""
    running = eal.started()
    instance = running.name if running else ""
    octets = hashlib.sha256(f"{instance}\0{port}".encode()).digest()[:5]
    return 0x02 << 40 | int.from_bytes(octets, "big")
