"""Headers end where their packet does: checked mode and CPython raise, and no mode touches what lies beside."""

import ctypes

import pytest

from bise.hot import MODE, Mode, OutOfBounds
from tests.hot.every_bound import Near, Packet, near
from tests.modes import MODES, run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.skipif(MODE is not Mode.COMPILED, reason="runs all modes itself")
def test_nothing_beside_a_packet_is_touched(mode):
    inside, outside = map(int, run(mode, "tests.hot.every_bound").split())
    assert inside > 500
    assert outside > 1000


@pytest.mark.skipif(MODE is Mode.COMPILED, reason="compiled code trusts what `fault` found")
@pytest.mark.parametrize("offset", [-1, 1, 1 << 40, -(1 << 63), (1 << 63) - 1])
def test_a_header_outside_raises(offset):
    memory, notes = ctypes.create_string_buffer(Near.size), ctypes.create_string_buffer(Packet.size)
    packet = Packet(ctypes.addressof(notes))
    packet.data, packet.length = ctypes.addressof(memory), Near.size
    assert near(packet.address, 0) == 0
    with pytest.raises(OutOfBounds):
        near(packet.address, offset)


def test_python_sees_bounds_in_every_mode():
    class Place:
        data, length = 0, 13

    with pytest.raises(OutOfBounds, match="Near at 0 of a packet of 13 octets"):
        Near(Place(), 0)
