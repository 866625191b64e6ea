"""ARP against scapy's octets and RFC 826's checks."""

import pytest
from scapy.layers.l2 import ARP as Sent

from bise.hot import entry
from bise.wire import arp
from bise.wire.arp import ARP, Fault, Opcode
from tests.wire.packet import Bench, Notes

BENCH = Bench()
REQUEST = Sent(op=1, hwsrc="02:00:00:00:00:01", psrc="10.0.0.1", hwdst="00:00:00:00:00:00", pdst="10.0.0.2")


@entry(2)
def fault(packet, offset):
    return arp.fault(Notes(packet), offset)


def test_fields_are_where_scapy_puts_them():
    assert fault(BENCH.lay(bytes(REQUEST)), 0) == Fault.NONE
    header = ARP(BENCH.packet, 0)
    assert (header.opcode, header.sender_hardware, header.sender_protocol) == (
        Opcode.REQUEST,
        0x020000000001,
        0x0A000001,
    )
    assert (header.target_hardware, header.target_protocol) == (0, 0x0A000002)
    assert str(header) == "who has 10.0.0.2? tell 10.0.0.1"
    header.opcode = Opcode.REPLY
    assert str(header) == "opcode 2: 10.0.0.1 is at 02:00:00:00:00:01, to 10.0.0.2"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hwtype": 6}, Fault.HARDWARE),
        ({"ptype": 0x86DD}, Fault.PROTOCOL),
        ({"hwlen": 8}, Fault.LENGTHS),
        ({"plen": 16}, Fault.LENGTHS),
        ({"op": 99}, Fault.NONE),
    ],
)
def test_other_hardware_and_protocols_are_faults(changes, expected):
    octets = bytearray(bytes(REQUEST))
    place = {"hwtype": (0, 2), "ptype": (2, 2), "hwlen": (4, 1), "plen": (5, 1), "op": (6, 2)}
    for name, value in changes.items():
        at, size = place[name]
        octets[at : at + size] = value.to_bytes(size, "big")
    assert fault(BENCH.lay(bytes(octets)), 0) == expected


@pytest.mark.parametrize("cut", range(28))
def test_a_cut_packet_is_short(cut):
    assert fault(BENCH.lay(bytes(REQUEST)[:cut], further=28 - cut), 0) == Fault.SHORT
