"""vhost-user and memif with another process at the other end: dpdk-testpmd as the virtual machine or the neighbour."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from bise.bench.testpmd import Testpmd
from bise.hot import Region, entry
from bise.ports.dpdk import devices, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.port import DpdkPort
from bise.ports.errors import PortError
from bise.ports.mbuf import Mbuf
from tests.ports.dpdk import bursts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PATIENCE_S = 10.0
CHECKSUM, CHECKSUM_GOOD = 0x108, 0x100  # RTE_MBUF_F_RX_L4_CKSUM_MASK, _GOOD


def until(holds: Callable[[], object]) -> None:
    """Waits for what another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        os.sched_yield()


def peer(device: str, mode: str, options: Sequence[str] = ()) -> Testpmd:
    """The other end: forwards on the processor on which it also waits for commands."""
    core = min(os.sched_getaffinity(0))
    return Testpmd([device], [core, core], mode, huge_pages=False, options=options, packets=8191)


def receive(port: DpdkPort, n: int, queue: int = 0) -> list[int]:
    """At least `n` packets."""
    packets: list[int] = []

    def enough() -> bool:
        packets.extend(bursts.take(port, queue))
        return len(packets) >= n

    until(enough)
    return packets


def machine(path: Path, server: bool = False, **options: object) -> str:
    """A virtual machine's NIC on the socket."""
    more = "".join(f",{key}={value}" for key, value in options.items())
    return f"net_virtio_user0,path={path},server={int(server)}{more}"


@pytest.fixture
def port(pool: Pool, tmp_path: Path) -> Iterator[DpdkPort]:
    port = DpdkPort("vm", devices.vhost_user(str(tmp_path / "vm.sock")), pool)
    yield port
    port.close()
    assert not (tmp_path / "vm.sock").exists()


def test_a_virtual_machine_comes_dies_and_comes_again(port: DpdkPort, pool: Pool, tmp_path: Path) -> None:
    assert not port.up
    for _ in range(3):
        with peer(machine(tmp_path / "vm.sock"), "txonly") as other:
            until(lambda: port.up)
            other.start()
            assert all(len(octets) == 64 for octets in bursts.contents(pool, receive(port, 1000)))
            other.kill()
            until(lambda: not port.up)
    while packets := bursts.take(port):
        pool.put(packets)
    assert bursts.give(port, [bursts.packet(pool, bytes(64))]) == 0


def test_a_virtual_machine_that_made_the_socket_may_restart(pool: Pool, tmp_path: Path) -> None:
    port = DpdkPort("vm", devices.vhost_user(str(tmp_path / "vm.sock"), client=True), pool)
    for _ in range(2):
        with peer(machine(tmp_path / "vm.sock", server=True), "txonly") as other:
            until(lambda: port.up)
            other.start()
            (octets,) = set(bursts.contents(pool, receive(port, 100)))  # all alike
            assert (len(octets), Ether(octets)[IP].dst, Ether(octets)[UDP].dport) == (64, "198.18.0.2", 9)
        until(lambda: not port.up)
        (tmp_path / "vm.sock").unlink(missing_ok=True)
    port.close()


def test_packets_go_there_and_back_unchanged(port: DpdkPort, pool: Pool, tmp_path: Path) -> None:
    wanted = [bytes([i]) * (60 + 17 * i) for i in range(32)]
    with peer(machine(tmp_path / "vm.sock"), "io") as other:
        other.start()
        until(lambda: port.up)
        assert bursts.give(port, [bursts.packet(pool, octets) for octets in wanted]) == 32
        assert bursts.contents(pool, receive(port, 32)) == wanted


def test_a_jumbo_packet_comes_in_several_segments_the_first_of_them_full(pool: Pool, tmp_path: Path) -> None:
    port = DpdkPort("vm", devices.vhost_user(str(tmp_path / "vm.sock")), pool, mtu=9000)
    options = ["--max-pkt-len=9018", "--tx-offloads=0x8000", "--enable-scatter", "--mbuf-size=10240"]
    wanted = bytes(range(250)) * 36
    with peer(machine(tmp_path / "vm.sock"), "io", options) as other:
        other.start()
        until(lambda: port.up)
        head, *rest = (bursts.packet(pool, wanted[i : i + 2000]) for i in range(0, len(wanted), 2000))
        before = head
        for segment in rest:
            Mbuf(before).next = before = segment
        Mbuf(head).nb_segs, Mbuf(head).pkt_len = 1 + len(rest), len(wanted)
        assert bursts.give(port, [head]) == 1
        (packet,) = receive(port, 1)
        assert Mbuf(packet).nb_segs > 1
        assert Mbuf(packet).data_len >= 192
        assert bursts.contents(pool, [packet]) == [wanted]
    port.close()


def test_a_checksum_that_the_machine_left_to_hardware_is_completed(port: DpdkPort, pool: Pool, tmp_path: Path) -> None:
    sent = (
        Ether(dst=port.mac.to_bytes(6, "big"))
        / IP(src="10.0.0.1", dst="10.0.0.2")
        / UDP(sport=1, dport=2)
        / Raw(b"hello")
    )
    with peer(machine(tmp_path / "vm.sock"), "csum", ["--tx-offloads=0xc"]) as other:
        for line in ("port stop 0", "csum set udp hw 0", "port start 0"):
            other.command(line)
        other.start()
        until(lambda: port.up)
        assert bursts.give(port, [bursts.packet(pool, bytes(sent))]) == 1
        (packet,) = receive(port, 1)
        assert Mbuf(packet).ol_flags & CHECKSUM == CHECKSUM_GOOD  # set where the machine left it, and now it is good
        (octets,) = bursts.contents(pool, [packet])
    received = Ether(octets)
    assert received[UDP].chksum == Ether(bytes(sent))[UDP].chksum


def test_a_worker_can_sleep_until_a_packet_comes(port: DpdkPort, pool: Pool, tmp_path: Path) -> None:
    descriptor = port.descriptor(0)
    assert descriptor is not None
    with peer(machine(tmp_path / "vm.sock"), "io") as other:
        other.start()
        until(lambda: port.up)
        for _ in range(3):
            port.arm(0)
            assert bursts.take(port) == []
            assert select.select([descriptor], [], [], 0)[0] == []
            assert bursts.give(port, [bursts.packet(pool, bytes(64))]) == 1
            assert select.select([descriptor], [], [], PATIENCE_S)[0] == [descriptor]
            port.disarm(0)
            assert bursts.contents(pool, receive(port, 1)) == [bytes(64)]


def test_each_worker_has_its_own_queue(pool: Pool, tmp_path: Path) -> None:
    port = DpdkPort("vm", devices.vhost_user(str(tmp_path / "vm.sock")), pool, queues=2)
    with peer(machine(tmp_path / "vm.sock", queues=2), "io", ["--rxq=2", "--txq=2"]) as other:
        other.start()
        until(lambda: port.up)
        for queue in (0, 1):
            assert bursts.give(port, [bursts.packet(pool, bytes([queue]) * 64)], queue) == 1
            assert bursts.contents(pool, receive(port, 1, queue)) == [bytes([queue]) * 64]
    port.close()


def echoed(pool: Pool, port: DpdkPort, wanted: list[bytes]) -> bool:
    """Whether all come back. Either end of a memif link may drop what comes before it knows of the link itself."""
    assert bursts.give(port, [bursts.packet(pool, octets) for octets in wanted]) == 32
    found: list[bytes] = []
    deadline = time.monotonic() + 1.0
    while len(found) < 32 and time.monotonic() < deadline:
        found += bursts.contents(pool, bursts.take(port))
    return found == wanted


@pytest.mark.parametrize("server", [True, False])
def test_a_memif_neighbour_comes_and_goes(pool: Pool, tmp_path: Path, server: bool) -> None:
    path, role = tmp_path / "memif.sock", "client" if server else "server"
    port = DpdkPort("link", devices.memif(str(path), 7, server), pool)
    wanted = [bytes([i]) * (60 + 40 * i) for i in range(32)]
    for _ in range(2):
        with peer(f"net_memif0,role={role},id=7,socket={path},socket-abstract=no", "io") as other:
            other.start()
            until(lambda: port.reconnect(time.monotonic_ns(), lambda: None))
            until(lambda: echoed(pool, port, wanted))
        until(lambda: not port.up)
        assert bursts.take(port) == []
        assert bursts.give(port, [bursts.packet(pool, bytes(64))]) == 0
        if not server:
            path.unlink(missing_ok=True)
    port.close()


@pytest.mark.parametrize("make", [devices.vhost_user, lambda path: devices.memif(path, server=True)])
def test_a_socket_left_by_a_killed_process_is_replaced(
    pool: Pool, tmp_path: Path, make: Callable[[str], devices.Device]
) -> None:
    path = str(tmp_path / "left.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(path)
        left.listen()
        with pytest.raises(PortError, match=f"^vm: somebody listens on {path}"):
            DpdkPort("vm", make(path), pool)
    DpdkPort("vm", make(path), pool).close()


def test_a_file_in_the_way_of_a_socket_stays(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(PortError, match="no socket"):
        DpdkPort("vm", devices.vhost_user(str(tmp_path / "file")), pool)
    assert (tmp_path / "file").read_text() == "precious"
    with pytest.raises(PortError, match="there is no folder"):
        DpdkPort("vm", devices.vhost_user(str(tmp_path / "none" / "vm.sock")), pool)


@pytest.mark.parametrize("kind", ["vhost-user", "memif"])
def test_a_peer_may_be_killed_while_a_worker_is_busy_with_it(pool: Pool, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "peer.sock"
    vhost = kind == "vhost-user"
    device = devices.vhost_user(str(path)) if vhost else devices.memif(str(path), server=True)
    other_end = machine(path) if vhost else f"net_memif0,role=client,socket={path},socket-abstract=no"
    port = DpdkPort("peer", device, pool)
    compiled, memory = entry(3, cached=False)(bursts.bounce), Region(4096)
    stop = memory.array("int64")

    def work() -> None:
        shim.call("worker", "bise_thread_register")
        compiled(port.queues[0].address, memory.address + 64, memory.address)
        shim.attempt("bise_thread_unregister")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(3):
            before = port.queues[0].received
            with peer(other_end, "flowgen") as other:
                other.start()
                until(lambda before=before: port.queues[0].received > before + 5000)  # type: ignore[misc]
                other.kill()
                until(lambda: not port.up)
    finally:
        stop[0] = 1
        worker.join(PATIENCE_S)
        received = port.queues[0].received
        port.close()
    assert not worker.is_alive()
    assert received > 3 * 5000
