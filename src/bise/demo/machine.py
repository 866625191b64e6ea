"""The same router between two vhost-user ports, as a virtual machine's NICs see it; dpdk-testpmd is the machine.

testpmd, one core: capture ─► virtio-user ══ vhost-user ─► Bise, other core ─► vhost-user ══ virtio-user ─► away
"""

import json
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bise.bench.generator import Offer
from bise.bench.namespaces import Namespace, Namespaces
from bise.bench.running import NotForwarding, RunningBise
from bise.bench.testpmd import Testpmd
from bise.bench.topology import Cores

_MACHINE_IN, _MACHINE_OUT = "02:00:00:00:03:02", "02:00:00:00:04:02"
_SOURCE = "198.18.3.2"
_NETWORKS = [f"20.0.{number}" for number in range(16)]
_DESTINATIONS = [f"{_NETWORKS[number % 16]}.{1 + number // 16 % 254}" for number in range(1024)]
_APPEAR_S = 30.0


@dataclass(frozen=True)
class MachineRates:
    """Packets a second that the machine got back, in several windows."""

    windows: tuple[float, ...]

    @property
    def median(self) -> float:
        return sorted(self.windows)[len(self.windows) // 2]


def measure(cores: Cores, windows: int, window_s: float, purpose: str) -> MachineRates:
    """Forward for a virtual machine. Raises BiseError where a part of it doesn't start."""
    with (
        tempfile.TemporaryDirectory(prefix="bise-demo-") as folder,
        Namespaces("machine", purpose=purpose) as (router,),
        _bise(router, Path(folder), cores.forwarding) as mac,
    ):
        capture = Path(folder, "offered.pcap")
        _write_capture(capture, Offer(_SOURCE, _DESTINATIONS).packets(_MACHINE_IN, mac))
        devices = [
            f"net_pcap0,rx_pcap={capture},infinite_rx=1",
            f"net_virtio_user0,path={folder}/in.sock,mac={_MACHINE_IN}",
            f"net_virtio_user1,path={folder}/out.sock,mac={_MACHINE_OUT}",
            "net_null0,no-rx=1",
        ]
        with Testpmd(devices, [cores.traffic, cores.traffic], "io") as machine:
            return MachineRates(tuple(_windows(machine, windows, window_s)))


def _windows(machine: Testpmd, windows: int, window_s: float) -> Iterator[float]:
    machine.start()
    time.sleep(window_s)
    machine.rates(2)
    for _ in range(windows):
        time.sleep(window_s)
        yield float(machine.rates(2).received)
    machine.stop()


@contextmanager
def _bise(router: Namespace, folder: Path, core: int) -> Iterator[str]:
    """Bise between two vhost-user ports, configured with `ip`; yields the MAC of the first."""
    router.sysctl({"net/ipv4/ip_forward": 1})
    ports = [f"vhost-user:{folder}/{end}.sock,name={end}" for end in ("in", "out")]
    running = RunningBise(router, ports, ("--cores", str(core)))
    try:
        _wait_for_interfaces(router, running)
        router.ip(
            "address add 198.18.3.1/24 dev in",
            "address add 198.18.4.1/24 dev out",
            f"neighbour add 198.18.4.2 lladdr {_MACHINE_OUT} dev out nud permanent",
            *(f"route add {network}.0/24 via 198.18.4.2" for network in _NETWORKS),
        )
        running.wait_until_forwarding()
        yield json.loads(router.run("ip", "-json", "link", "show", "dev", "in"))[0]["address"]
    finally:
        running.stop()


def _wait_for_interfaces(router: Namespace, running: RunningBise) -> None:
    deadline = time.monotonic() + _APPEAR_S
    while time.monotonic() < deadline:
        running.is_forwarding()  # raises if it has ended
        present = {link["ifname"] for link in json.loads(router.run("ip", "-json", "link", "show"))}
        if {"in", "out"} <= present:
            return
        time.sleep(0.1)
    raise NotForwarding(f"the ports in and out did not appear in {router.name}")


def _write_capture(path: Path, packets: list[bytes]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
