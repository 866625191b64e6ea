"""A packet and a record in plain memory, for a test that calls a node in CPython (BISE_MODE=interpreted), alone."""

import ctypes
from typing import TypeVar

from bise.engine.packet import NO_PORT, Packet
from bise.hot import Header
from bise.ports.mbuf import BUFFER, HEADROOM, ROOM, Mbuf
from bise.wire import ethernet

H = TypeVar("H", bound=Header)


def record_of(kind: type[H]) -> H:
    """A record of zeros."""
    memory = ctypes.create_string_buffer(max(1, kind.size))
    record = kind(ctypes.addressof(memory))
    record.memory = memory
    return record


def packet_of(octets: bytes, port: int = 0) -> Packet:
    """A packet that has these octets, an Ethernet header first, as it leaves `ethernet.input`. Raises ValueError."""
    if not ethernet.SIZE <= len(octets) <= ROOM:
        raise ValueError(f"a packet has {ethernet.SIZE} to {ROOM} octets, not {len(octets)}")
    packet, memory = record_of(Packet), ctypes.create_string_buffer(BUFFER + HEADROOM + ROOM)
    mbuf = Mbuf(ctypes.addressof(memory))
    mbuf.buf_addr, mbuf.buf_len, mbuf.data_off = mbuf.address + BUFFER, HEADROOM + ROOM, HEADROOM
    mbuf.data_len = mbuf.pkt_len = packet.length = packet.total = len(octets)
    ctypes.memmove(mbuf.buf_addr + HEADROOM, octets, len(octets))
    packet.memory = (packet.memory, memory)
    packet.buffer, packet.data = mbuf.address, mbuf.buf_addr + HEADROOM
    packet.port, packet.l3, packet.copy = port, ethernet.SIZE, NO_PORT
    return packet


def octets_of(packet: Packet) -> bytes:
    """What the packet says by now."""
    return ctypes.string_at(packet.data, packet.length)
