"""What can be opened as a port through DPDK, each with the words that DPDK wants to hear."""

import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from bise.ports.errors import PortError


@dataclass(frozen=True)
class Device:
    """A device in DPDK's words. `arguments` follow its name; `{queues}` in them is filled in when it is opened.

    `socket`: the unix socket that it listens on. `calls`: it calls its peer, once each time it is started. `dma`: it
    reaches memory by itself. `sleeps`: a worker can wait for its packets. `queues_at_most`: what it has, 0 for as many
    as wanted.
    """

    driver: str
    arguments: str = ""
    socket: str | None = None
    calls: bool = False
    dma: bool = False
    sleeps: bool = False
    queues_at_most: int = 0

    def named(self, port: str, queues: int) -> str:
        """What DPDK is told to attach: the driver (or the PCI address), the port's name, the arguments."""
        name = self.name(port)
        arguments = self.arguments.replace("{queues}", str(queues))
        return f"{name},{arguments}" if arguments else name

    def name(self, port: str) -> str:
        """What DPDK calls the device of the port of this name."""
        return self.driver if self.dma else f"{self.driver}_{port}"


def vhost_user(path: str, client: bool = False) -> Device:
    """The host's end of a virtual machine's NIC. `client`: the machine monitor made the socket, else we do.

    Checksums that the guest left to hardware are completed on reception. A peer may come and go.
    """
    arguments = f"iface={path},queues={{queues}},client={int(client)}"
    return Device("net_vhost", arguments, None if client else path, sleeps=True)


def memif(path: str, number: int = 0, server: bool = False) -> Device:
    """Shared memory between two processes; links over one socket differ in `number`. A peer may come and go.

    A client has to call the server again (`DpdkPort.reconnect`).
    """
    role = "server" if server else "client"
    arguments = f"role={role},id={number},socket={path},socket-abstract=no,rsize=10"
    return Device("net_memif", arguments, path if server else None, calls=not server)


def pci(address: str) -> Device:
    """A NIC taken from the kernel (bound to vfio-pci); `eal.start` has to know its address."""
    return Device(address, dma=True)


def capture(receive: str | None = None, transmit: str | None = None) -> Device:
    """Packets from one capture file, packets to another. None: nothing to receive, or what is sent is thrown away."""
    files = [f"rx_pcap={receive}"] * bool(receive) + [f"tx_pcap={transmit}"] * bool(transmit)
    return Device("net_pcap", ",".join(files), queues_at_most=1)


def source(path: str, queues: int = 1) -> Device:
    """The packets of a capture file again and again, on each queue; what is sent is thrown away."""
    files = [f"rx_pcap={path}"] * queues
    return Device("net_pcap", ",".join([*files, "infinite_rx=1"]), queues_at_most=queues)


def sink() -> Device:
    """Throws away what is sent, receives nothing."""
    return Device("net_null", "no-rx=1")


def loop() -> Device:
    """What is sent on its queue is received on it."""
    return Device("net_ring", queues_at_most=1)


def remove_stale_socket(port: str, path: str) -> None:
    """Removes a socket that a killed process left. Raises PortError where somebody listens, or it is no socket."""
    place = Path(path)
    if not place.parent.is_dir():
        raise PortError(port, f"there is no folder {place.parent}")
    try:
        found = place.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise PortError(port, f"{path} is there already and no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            place.unlink(missing_ok=True)
            return
        except OSError:
            pass  # of another type, or full: somebody's
    raise PortError(port, f"somebody listens on {path} already")
