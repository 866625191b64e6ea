"""UDP, TCP and SCTP headers against scapy's octets, known CRCs and naive twins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import TCP as SentTCP
from scapy.layers.inet import UDP as SentUDP
from scapy.layers.sctp import SCTP as SentSCTP

from bise.hot import entry
from bise.wire import sctp, tcp, udp
from bise.wire.sctp import SCTP
from bise.wire.tcp import TCP
from bise.wire.udp import UDP
from tests.wire import naive
from tests.wire.naive_offload import crc32c as naive_crc32c
from tests.wire.packet import Bench, Notes

BENCH = Bench()


@entry(3)
def udp_fault(packet, offset, octets):
    return udp.fault(Notes(packet), offset, octets)


@entry(3)
def tcp_fault(packet, offset, octets):
    return tcp.fault(Notes(packet), offset, octets)


@entry(3)
def sctp_fault(packet, offset, octets):
    return sctp.fault(Notes(packet), offset, octets)


@entry(3)
def crc32c(packet, offset, octets):
    return sctp.crc32c(Notes(packet), offset, octets)


def test_fields_are_where_scapy_puts_them():
    BENCH.lay(bytes(SentUDP(sport=53, dport=1024, len=9, chksum=0x1234)))
    header = UDP(BENCH.packet, 0)
    assert (header.source_port, header.destination_port, header.length, header.checksum) == (53, 1024, 9, 0x1234)
    assert str(header) == "udp 53 > 1024 length 9"
    BENCH.lay(bytes(SentTCP(sport=179, dport=1024, seq=1 << 31, ack=7, flags="SA", window=9, chksum=0x1234, urgptr=3)))
    header = TCP(BENCH.packet, 0)
    assert (header.source_port, header.destination_port, header.sequence) == (179, 1024, 1 << 31)
    assert (header.acknowledgement, header.data_offset, header.flags) == (7, 0x50, tcp.Flag.SYN | tcp.Flag.ACK)
    assert (header.window, header.checksum, header.urgent) == (9, 0x1234, 3)
    assert str(header) == "tcp 179 > 1024 SYN ACK sequence 2147483648"
    BENCH.lay(bytes(SentSCTP(sport=36412, dport=5, tag=0xDEADBEEF, chksum=0x01020304)))
    header = SCTP(BENCH.packet, 0)
    assert (header.source_port, header.destination_port, header.checksum) == (36412, 5, 0x04030201)
    assert str(header) == "sctp 36412 > 5 tag 0xdeadbeef"


@given(st.binary(max_size=70), st.integers(0, 80), st.booleans())
def test_faults_are_those_of_naive_twins(content, octets, low):
    address = BENCH.lay(content, low=low)
    assert udp_fault(address, 0, octets) == naive.udp_fault(content, octets)
    assert tcp_fault(address, 0, octets) == naive.tcp_fault(content, octets)
    assert sctp_fault(address, 0, octets) == (sctp.Fault.SHORT if min(octets, len(content)) < 12 else sctp.Fault.NONE)


@pytest.mark.parametrize("length", [0, 7, 8, 9, 20, 21, 65535])
def test_a_udp_length_that_lies_is_a_fault(length):
    sent = bytes(SentUDP(len=length)) + bytes(12)
    assert udp_fault(BENCH.lay(sent), 0, 20) == (udp.Fault.NONE if 8 <= length <= 20 else udp.Fault.LENGTH)


@pytest.mark.parametrize("words", range(16))
@pytest.mark.parametrize("octets", [19, 20, 24, 59, 60])
def test_a_tcp_data_offset_that_lies_is_a_fault(words, octets):
    sent = (bytes(SentTCP(dataofs=words)) + bytes(40))[:octets]
    assert tcp_fault(BENCH.lay(sent), 0, octets) == naive.tcp_fault(sent, octets)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # RFC 3720 B.4, as numbers
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_known_crcs(content, expected):
    assert crc32c(BENCH.lay(content), 0, len(content)) == expected == naive_crc32c(content)


@pytest.mark.parametrize(("offset", "octets"), [(0, 9), (8, 1), (-1, 2), (0, -1)])
def test_a_range_outside_of_the_packet_has_no_crc(offset, octets):
    assert crc32c(BENCH.lay(bytes(8), further=100), offset, octets) == -1
