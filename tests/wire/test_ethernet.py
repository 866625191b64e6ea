"""Ethernet headers and VLAN tags against scapy's octets."""

import pytest
from scapy.layers.l2 import Dot1Q, Ether

from bise.hot import entry
from bise.wire import ethernet, vlan
from bise.wire.ethernet import Ethernet, EtherType
from bise.wire.vlan import Tag
from tests.wire.packet import Bench, Notes

BENCH = Bench()
SENT = bytes(Ether(src="02:00:00:00:00:01", dst="01:80:c2:00:00:0e", type=0x88CC))


@entry(2)
def fault(packet, offset):
    return ethernet.fault(Notes(packet), offset)


@entry(2)
def tag_fault(packet, offset):
    return vlan.fault(Notes(packet), offset)


@entry(3)
def seems(packet, ethertype, octets):
    return ethernet.seems(Notes(packet), ethertype, octets)


@entry(1)
def is_group(mac):
    return ethernet.is_group(mac)


@entry(1)
def is_tag(ethertype):
    return vlan.is_tag(ethertype)


@entry(2)
def identifier(packet, offset):
    return vlan.identifier(Tag(Notes(packet), offset))


def test_fields_are_where_scapy_puts_them():
    BENCH.lay(SENT)
    header = Ethernet(BENCH.packet, 0)
    assert (header.destination, header.source, header.ethertype) == (0x0180C200000E, 0x020000000001, EtherType.LLDP)
    assert str(header) == "02:00:00:00:00:01 > 01:80:c2:00:00:0e lldp"
    header.ethertype = 0x1234
    assert str(header).endswith(" ethertype 0x1234")


@pytest.mark.parametrize("cut", range(len(SENT) + 1))
def test_fewer_than_14_octets_are_short(cut):
    expected = ethernet.Fault.NONE if cut == 14 else ethernet.Fault.SHORT
    assert fault(BENCH.lay(SENT[:cut], further=99), 0) == expected


@pytest.mark.parametrize("cut", range(0, 40, 3))
@pytest.mark.parametrize("ethertype", [EtherType.IPV4, EtherType.IPV6, EtherType.VLAN])
def test_what_a_packet_seems_to_carry_is_all_there(cut, ethertype):
    octets = bytes(Ether(type=ethertype)) + bytes(26)
    expected = [ethertype == EtherType.IPV4 and cut >= 14 + wanted for wanted in (0, 20)]
    packet = BENCH.lay(octets[:cut], further=99)
    assert [seems(packet, EtherType.IPV4, wanted) for wanted in (0, 20)] == expected


@pytest.mark.parametrize(
    ("mac", "group"), [(0xFFFFFFFFFFFF, 1), (0x01005E000001, 1), (0x333300000001, 1), (0x020000000001, 0), (0, 0)]
)
def test_the_group_bit_tells_multicast(mac, group):
    assert is_group(mac) == group


def test_only_tags_are_tags():
    tags = [number for number in range(0x10000) if is_tag(number)]
    assert tags == [0x8100, 0x88A8]


@pytest.mark.parametrize("number", [0, 1, 5, 4094, 4095])
def test_tags_are_where_scapy_puts_them(number):
    sent = bytes(Ether(src="02::1", dst="02::2") / Dot1Q(vlan=number, prio=5, type=0x0800))
    address = BENCH.lay(sent)
    assert tag_fault(address, 14) == vlan.Fault.NONE
    assert identifier(address, 14) == number
    tag = Tag(BENCH.packet, 14)
    assert (tag.control >> 13, tag.ethertype) == (5, EtherType.IPV4)
    assert str(tag) == f"vlan {number} priority 5 ipv4"
    assert tag_fault(BENCH.lay(sent[:-1]), 14) == vlan.Fault.SHORT
