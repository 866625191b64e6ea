"""Ports give the packets that the other side sent, take ours, and can be closed and opened again."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import rdpcap, wrpcap

from bise.hot import Region, entry
from bise.ports.dpdk import devices
from bise.ports.dpdk.pool import Pool
from bise.ports.dpdk.port import DpdkPort, made_mac
from bise.ports.dpdk.queue import Queue
from bise.ports.errors import PortError
from tests.ports.dpdk import bursts


def capture(path: Path, n: int = 100, room: int = 18) -> list[bytes]:
    """A capture file of `n` packets; its packets."""
    packets = [
        Ether(dst="02:00:00:00:00:01")
        / IP(dst=f"10.0.{i >> 8}.{i & 255}")
        / UDP(dport=i)
        / Raw(bytes([i & 255]) * room)
        for i in range(n)
    ]
    wrpcap(str(path), packets)
    return [bytes(packet) for packet in packets]


@pytest.mark.parametrize("room", [18, 1400, 8900])
def test_what_is_sent_is_what_was_received(pool: Pool, tmp_path: Path, room: int) -> None:
    wanted = capture(tmp_path / "in.pcap", room=room)
    files = devices.capture(str(tmp_path / "in.pcap"), str(tmp_path / "out.pcap"))
    port = DpdkPort("file", files, pool, mtu=9000)
    while packets := bursts.take(port):
        assert bursts.give(port, packets) == len(packets)
    port.close()
    assert [bytes(packet) for packet in rdpcap(str(tmp_path / "out.pcap"))] == wanted


def test_hot_code_forwards_and_counts(pool: Pool, tmp_path: Path) -> None:
    capture(tmp_path / "in.pcap", n=64)
    source = DpdkPort("source", devices.source(str(tmp_path / "in.pcap")), pool)
    sink = DpdkPort("sink", devices.sink(), pool)
    compiled = entry(4, cached=False)(bursts.forward)
    memory = Region(4096)
    assert compiled(source.queues[0].address, sink.queues[0].address, memory.address, 10) == 320
    assert source.queues[0].received == 320
    assert (sink.queues[0].transmitted, sink.queues[0].tx_dropped) == (320, 0)
    assert sink.statistics().transmitted == 320
    for port in (source, sink):
        port.close()
    memory.close()


def test_a_source_repeats_its_file_for_ever(pool: Pool, tmp_path: Path) -> None:
    wanted = capture(tmp_path / "in.pcap", n=40)
    port = DpdkPort("source", devices.source(str(tmp_path / "in.pcap")), pool)
    found = [octets for _ in range(5) for octets in bursts.contents(pool, bursts.take(port))]
    port.close()
    assert found == (wanted * 4)[:160]


def test_a_source_has_as_many_queues_as_it_was_given(pool: Pool, tmp_path: Path) -> None:
    wanted = capture(tmp_path / "in.pcap", n=32)
    port = DpdkPort("source", devices.source(str(tmp_path / "in.pcap"), queues=2), pool, queues=2)
    assert [(queue.port, queue.queue) for queue in port.queues] == [(port.number, 0), (port.number, 1)]
    for queue in (0, 1):
        assert bursts.contents(pool, bursts.take(port, queue)) == wanted
    port.close()


def test_a_loop_gives_back_what_it_was_given(pool: Pool) -> None:
    port = DpdkPort("loop", devices.loop(), pool)
    assert bursts.give(port, [bursts.packet(pool, b"x" * 64), bursts.packet(pool, b"y" * 1500)]) == 2
    assert bursts.contents(pool, bursts.take(port)) == [b"x" * 64, b"y" * 1500]
    port.close()


def test_what_a_full_port_does_not_take_is_freed(pool: Pool) -> None:
    port = DpdkPort("loop", devices.loop(), pool)
    before = pool.available()
    sent = sum(bursts.give(port, [bursts.packet(pool, b"x" * 64) for _ in range(32)]) for _ in range(60))
    assert 0 < sent < 60 * 32
    assert pool.available() == before - sent
    while packets := bursts.take(port):
        pool.put(packets)
    port.close()


def test_an_empty_pool_stops_reception_and_nothing_else(pool: Pool, tmp_path: Path) -> None:
    capture(tmp_path / "in.pcap", n=32)
    port = DpdkPort("source", devices.source(str(tmp_path / "in.pcap")), pool)
    held = pool.get(pool.available() - 8)
    assert bursts.take(port) == []
    pool.put(held)
    assert len(bursts.contents(pool, bursts.take(port))) == 32
    port.close()


def test_a_port_can_be_opened_again_in_the_same_process(pool: Pool, tmp_path: Path) -> None:
    wanted = capture(tmp_path / "in.pcap", n=8)
    for _ in range(40):  # more than DPDK has numbers for at a time
        port = DpdkPort("file", devices.capture(str(tmp_path / "in.pcap")), pool)
        assert bursts.contents(pool, bursts.take(port)) == wanted
        port.close()
        port.close()


def test_a_failed_opening_leaves_the_name_free(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"^file: .*missing\.pcap"):
        DpdkPort("file", devices.capture(str(tmp_path / "missing.pcap")), pool)
    with pytest.raises(PortError, match="1 queues at most, not 2"):
        DpdkPort("file", devices.loop(), pool, queues=2)
    capture(tmp_path / "in.pcap", n=8)
    DpdkPort("file", devices.capture(str(tmp_path / "in.pcap")), pool).close()


def test_a_file_too_large_for_the_pool_is_refused_and_nothing_lost(pool: Pool, tmp_path: Path) -> None:
    wrpcap(str(tmp_path / "in.pcap"), [Raw(bytes(60))] * (pool.packets + 1), linktype=1)
    with pytest.raises(PortError, match=r"^source: .*Not enough"):
        DpdkPort("source", devices.source(str(tmp_path / "in.pcap")), pool)


def test_two_ports_can_not_have_one_name(pool: Pool) -> None:
    port = DpdkPort("one", devices.sink(), pool)
    with pytest.raises(PortError, match=r"^one: there is a port of this name"):
        DpdkPort("one", devices.sink(), pool)
    port.close()


def test_a_made_mac_is_local_unicast_and_stays(pool: Pool) -> None:
    port = DpdkPort("one", devices.sink(), pool)
    assert port.mac == made_mac("one")
    assert port.mac >> 40 & 3 == 2
    assert made_mac("two") != port.mac
    port.close()
    given = DpdkPort("one", devices.sink(), pool, mac=0x020304050607)
    assert given.mac == 0x020304050607
    given.close()


def test_a_port_that_can_only_be_polled_has_no_descriptor(pool: Pool) -> None:
    port = DpdkPort("one", devices.sink(), pool)
    assert port.descriptor(0) is None
    assert port.up
    port.close()


def test_a_queue_fills_a_cache_line() -> None:
    assert Queue.size == 64


def test_a_pci_device_that_is_not_there_is_refused(pool: Pool) -> None:
    with pytest.raises(PortError, match=r"^nic: "):
        DpdkPort("nic", devices.pci("0000:99:00.0"), pool)
