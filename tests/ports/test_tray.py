"""Ports without a wire: what is laid in comes out as it was, whatever its size, and no buffer is lost."""

import ctypes

from bise.hot import Region, entry, load64
from bise.ports import tray
from bise.ports.mbuf import Mbuf
from bise.ports.tray import ROOM, Trays

receive, transmit = tray.receive, tray.transmit


@entry(3)
def received(address, packets, room):
    return receive(address, packets, room)


@entry(3)
def transmitted(address, packets, count):
    return transmit(address, packets, count)


def test_a_packet_is_received_once_and_comes_out_as_it_was() -> None:
    trays, scratch = Trays(3), Region(4096, huge_pages=False)
    free = trays.available()
    for octets, total in ((b"", 0), (b"abc", 3), (b"abc", 9000), (bytes(range(256)) * 256, 1 << 16)):
        trays.lay(1, octets, total)
        assert received(trays.address(0), scratch.address, 32) == 0
        assert received(trays.address(1), scratch.address, 32) == 1
        assert received(trays.address(1), scratch.address, 32) == 0
        mbuf = Mbuf(load64(scratch.address))
        assert (mbuf.port, mbuf.refcnt, mbuf.nb_segs, mbuf.pkt_len, mbuf.ol_flags) == (1, 1, 1, total, 0)
        assert ctypes.string_at(mbuf.buf_addr + mbuf.data_off, mbuf.data_len) == octets[:ROOM]
        assert transmitted(trays.address(2), scratch.address, 1) == 1
        assert trays.take(2) == [(octets[:ROOM], total)]
        assert trays.take(2) == []
        assert trays.available() == free
    trays.close()
    scratch.close()


def test_as_many_as_there_are_can_be_made_and_given_back() -> None:
    trays, scratch = Trays(1), Region(4096, huge_pages=False)
    free = trays.available()
    assert trays._get(scratch.address, free + 1) == -1
    assert trays._get(scratch.address, free) == 0
    made = [load64(scratch.address + 8 * number) for number in range(free)]
    assert len(set(made)) == free
    assert trays.available() == 0
    assert transmitted(trays.address(0), scratch.address, free) == free
    assert [total for _, total in trays.take(0)] == [0] * free
    trays._get(scratch.address, 5)
    trays._put(scratch.address, 5)
    assert trays.available() == free
    trays.close()
    scratch.close()
