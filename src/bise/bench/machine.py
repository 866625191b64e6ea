"""A router between two ports that another process holds the far ends of; dpdk-testpmd is that process.

testpmd, one core: capture ─► far end ══ port ─► the router, other core ─► port ══ far end ─► away

It generates, receives and counts, and should be faster than the router. So it has bursts of 64 packets; packed rings,
where a line that goes from core to core says what a split ring says in three; and memif rings of 256 packets, which
both cores' caches hold.
"""

import json
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bise.bench.generator import Offer
from bise.bench.namespaces import Namespace, Namespaces
from bise.bench.running import NotForwarding, RunningBise
from bise.bench.testpmd import Testpmd
from bise.bench.topology import Cores

_FAR_MACS = {"in": "02:00:00:00:03:02", "out": "02:00:00:00:04:02"}
_SOURCE = "198.18.3.2"
_NETWORKS = [f"20.0.{number}" for number in range(16)]
_DESTINATIONS = [f"{_NETWORKS[number % 16]}.{1 + number // 16 % 254}" for number in range(1024)]
_APPEAR_S = 300.0  # nothing may be compiled yet
_LINK_S = 20.0


@dataclass(frozen=True)
class Wire:
    """What two ends are of: `ours` in the words of `bise run`, the others in DPDK's; `{at}` is the socket's path
    without its end, `{name}` in or out, `{number}` of the device, `{mac}` of the far end.
    """

    name: str
    ours: str
    far: str
    testpmds: str


VHOST_USER = Wire(
    "vhost-user",
    "vhost-user:{at}.sock,name={name}",
    "net_virtio_user{number},path={at}.sock,mac={mac}",
    "net_vhost{number},iface={at}.sock",
)
PACKED = replace(
    VHOST_USER,
    name="vhost-user, packed rings",
    far=f"{VHOST_USER.far},packed_vq=1,mrg_rxbuf=0,in_order=1,vectorized=1",
)
MEMIF = Wire(
    "memif",
    "memif:{at}.sock,name={name},role=server",
    "net_memif{number},role=client,id=0,socket={at}.sock,socket-abstract=no,mac={mac},rsize=8",
    "net_memif{number},role=server,id=0,socket={at}.sock,socket-abstract=no",
)


@dataclass(frozen=True)
class Rates:
    """Packets a second that came back, in several windows."""

    windows: tuple[float, ...]

    @property
    def median(self) -> float:
        return sorted(self.windows)[len(self.windows) // 2]


def bise_forwards(wire: Wire, cores: Cores, windows: int, window_s: float, purpose: str = "bisebench") -> Rates:
    """What Bise forwards. Raises BiseError where a part of it doesn't start."""
    with (
        tempfile.TemporaryDirectory(prefix="bise-machine-") as folder,
        Namespaces("machine", purpose=purpose) as (router,),
        _bise(wire, router, Path(folder), cores.forwarding) as mac,
    ):
        return _rates(wire, Path(folder), mac, cores, windows, window_s)


def testpmd_forwards(wire: Wire, cores: Cores, windows: int, window_s: float) -> Rates:
    """What dpdk-testpmd, which looks nothing up and checks nothing, forwards in our place."""
    with tempfile.TemporaryDirectory(prefix="bise-machine-") as folder:
        devices = [_filled(wire.testpmds, Path(folder), number, end) for number, end in enumerate(("in", "out"))]
        with Testpmd(devices, [cores.traffic, cores.forwarding], "mac") as router:
            router.start()
            return _rates(wire, Path(folder), "02:00:00:00:00:01", cores, windows, window_s)


def _rates(wire: Wire, folder: Path, mac: str, cores: Cores, windows: int, window_s: float) -> Rates:
    capture = folder / "offered.pcap"
    _write_capture(capture, Offer(_SOURCE, _DESTINATIONS).packets(_FAR_MACS["in"], mac))
    far = [_filled(wire.far, folder, number, end) for number, end in enumerate(("in", "out"))]
    devices = [f"net_pcap0,rx_pcap={capture},infinite_rx=1", *far, "net_null0,no-rx=1"]
    with Testpmd(devices, [cores.traffic, cores.traffic], "io", options=("--burst=64",)) as machine:
        return Rates(tuple(_windows(machine, windows, window_s)))


def _windows(machine: Testpmd, windows: int, window_s: float) -> Iterator[float]:
    machine.start()
    deadline = time.monotonic() + _LINK_S
    while machine.rates(2).received == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(window_s)
    machine.rates(2)
    for _ in range(windows):
        time.sleep(window_s)
        yield float(machine.rates(2).received)
    machine.stop()


def _filled(words: str, folder: Path, number: int, end: str) -> str:
    return words.format(at=folder / end, name=end, number=number, mac=_FAR_MACS[end])


@contextmanager
def _bise(wire: Wire, router: Namespace, folder: Path, core: int) -> Iterator[str]:
    """Bise between two ports, configured with `ip`; yields the MAC of the first."""
    router.sysctl({"net/ipv4/ip_forward": 1})
    ports = [_filled(wire.ours, folder, number, end) for number, end in enumerate(("in", "out"))]
    running = RunningBise(router, ports, ("--cores", str(core)))
    try:
        _wait_for_interfaces(router, running)
        router.ip(
            "address add 198.18.3.1/24 dev in",
            "address add 198.18.4.1/24 dev out",
            f"neighbour add 198.18.4.2 lladdr {_FAR_MACS['out']} dev out nud permanent",
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
