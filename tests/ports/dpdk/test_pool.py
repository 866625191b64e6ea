"""The pool's packets lie in one stretch of memory, are shaped as the record says, and are counted."""

import threading

import pytest

from bise.ports import mbuf
from bise.ports.dpdk import eal, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.errors import PortError
from tests.ports.dpdk.conftest import PACKETS


def test_every_packet_lies_in_the_region_at_its_stride(pool: Pool) -> None:
    packets = pool.get(PACKETS)
    assert sorted(packets) == [pool.first + i * pool.stride for i in range(PACKETS)]
    assert pool.region.address <= pool.first
    assert max(packets) + pool.stride <= pool.region.address + pool.region.size
    pool.put(packets)


def test_a_packet_is_shaped_as_its_record_says(pool: Pool) -> None:
    (address,) = pool.get(1)
    packet = mbuf.Mbuf(address)
    assert packet.buf_addr == address + mbuf.BUFFER
    assert packet.buf_iova == packet.buf_addr
    assert packet.buf_len == mbuf.HEADROOM + mbuf.ROOM
    assert (packet.refcnt, packet.nb_segs, packet.next, packet.data_len, packet.pkt_len) == (1, 1, 0, 0, 0)
    assert address % 64 == 0
    pool.put([address])


def test_what_is_taken_is_not_available(pool: Pool) -> None:
    packets = pool.get(100)
    assert pool.available() == PACKETS - 100
    pool.put(packets)
    assert pool.available() == PACKETS


def test_an_empty_pool_says_so(pool: Pool) -> None:
    packets = pool.get(PACKETS)
    with pytest.raises(MemoryError):
        pool.get(1)
    pool.put(packets)


def test_what_was_given_back_last_is_taken_first(pool: Pool) -> None:
    packets = pool.get(100)
    pool.put(packets[:40])
    assert set(pool.get(40)) == set(packets[:40])
    pool.put(packets)


def test_asking_for_the_memory_of_free_packets_takes_none(pool: Pool) -> None:
    shim.attempt("bise_pool_prefetch", 32)  # this thread keeps none for itself

    def work() -> None:
        shim.call("worker", "bise_thread_register")
        shim.attempt("bise_pool_prefetch", 32)  # nor does this one yet
        pool.put(pool.get(20))
        shim.attempt("bise_pool_prefetch", 1_000_000)
        shim.attempt("bise_thread_unregister")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert pool.available() == PACKETS


def test_packets_left_by_a_thread_that_ended_can_be_had_again(pool: Pool) -> None:
    def work() -> None:
        shim.call("worker", "bise_thread_register")
        pool.put(pool.get(200))
        shim.attempt("bise_thread_unregister")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    packets = pool.get(PACKETS)
    assert len(set(packets)) == PACKETS
    pool.put(packets)


def test_there_is_one_pool_at_a_time(pool: Pool) -> None:
    with pytest.raises(PortError, match="busy"):
        Pool(255, huge_pages=False)
    assert pool.available() == PACKETS


def test_a_pool_can_be_closed_and_made_again(environment: eal.Eal) -> None:
    for _ in range(3):
        pool = Pool(511, huge_pages=False)
        assert pool.available() == 511
        pool.close()
