"""ICMP and ICMPv6 headers against scapy's octets and Linux's lists of errors."""

import pytest
from scapy.layers.inet import ICMP as Sent
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6TimeExceeded

from bise.hot import entry
from bise.wire import icmp, icmpv6
from bise.wire.icmp import ICMP
from bise.wire.icmpv6 import ICMPv6
from tests.wire import naive
from tests.wire.packet import Bench, Notes

BENCH = Bench()


@entry(3)
def fault(packet, offset, octets):
    return icmp.fault(Notes(packet), offset, octets)


@entry(3)
def fault_6(packet, offset, octets):
    return icmpv6.fault(Notes(packet), offset, octets)


@entry(2)
def kinds(packet, offset):
    """One bit each: an error of either protocol, neighbour discovery."""
    notes = Notes(packet)
    six = ICMPv6(notes, offset)
    return icmp.is_error(ICMP(notes, offset)) | icmpv6.is_error(six) << 1 | icmpv6.is_discovery(six) << 2


def test_fields_are_where_scapy_puts_them():
    BENCH.lay(bytes(Sent(type=11, code=1)))
    header = ICMP(BENCH.packet, 0)
    assert (header.type, header.code, header.checksum) == (11, 1, Sent(bytes(Sent(type=11, code=1))).chksum)
    assert str(header) == "icmp time exceeded code 1"
    BENCH.lay(bytes(ICMPv6TimeExceeded(code=1, cksum=0x1234)))
    header = ICMPv6(BENCH.packet, 0)
    assert (header.type, header.code, header.checksum) == (3, 1, 0x1234)
    assert str(header) == "icmpv6 time exceeded code 1"
    BENCH.lay(bytes(ICMPv6ND_NS(cksum=0)))
    assert str(ICMPv6(BENCH.packet, 0)) == "icmpv6 neighbour solicitation code 0"


def test_errors_are_those_that_quote_a_packet():
    octets = [bytes([kind]) + bytes(7) for kind in range(256)]
    found = [kinds(BENCH.lay(packet), 0) for packet in octets]
    assert [kind for kind in range(256) if found[kind] & 1] == [3, 4, 5, 11, 12]  # Linux's icmp_is_err
    assert [kind for kind in range(256) if found[kind] & 2] == [1, 2, 3, 4]  # Linux's icmpv6_is_err
    assert [kind for kind in range(256) if found[kind] & 4] == [133, 134, 135, 136, 137]  # RFC 4861 4


@pytest.mark.parametrize("present", range(10))
@pytest.mark.parametrize("octets", range(10))
def test_fewer_than_8_octets_are_short(present, octets):
    address = BENCH.lay(bytes(present))
    assert fault(address, 0, octets) == fault_6(address, 0, octets) == naive.icmp_fault(bytes(present), octets)
