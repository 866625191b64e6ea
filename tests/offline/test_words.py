"""Packets in words: the octets are scapy's, and what isn't understood is pointed at."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from bise.offline.words import NotUnderstood, octets, parse

OWN = 0x0200_0000_0011
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:11")
V4, V6 = {"src": "10.0.0.1", "dst": "20.1.2.3"}, {"src": "2001:db8::1", "dst": "2001:db8:2::3"}
CASES: dict[str, Packet] = {
    "udp 10.0.0.1:1 > 20.1.2.3:53 ttl 1": IP(**V4, ttl=1, id=0) / UDP(sport=1, dport=53),
    "udp 10.0.0.1:1 > 20.1.2.3:53 size 101 df tos 184": IP(**V4, id=0, flags="DF", tos=184)
    / UDP(sport=1, dport=53)
    / Raw(bytes(73)),
    "tcp 10.0.0.1:9 > 20.1.2.3:80": IP(**V4, id=0) / TCP(sport=9, dport=80, window=65535),
    "tcp [2001:db8::1]:9 > [2001:db8:2::3]:80 hlim 3 tos 1": IPv6(**V6, hlim=3, tc=1)
    / TCP(sport=9, dport=80, window=65535),
    "udp [2001:db8::1]:1 > [2001:db8:2::3]:2 size 61": IPv6(**V6, hlim=64) / UDP(sport=1, dport=2) / Raw(bytes(13)),
    "icmp 10.0.0.1 > 20.1.2.3": IP(**V4, id=0) / ICMP(),
    "icmp 10.0.0.1 > 20.1.2.3 type 3 code 4": IP(**V4, id=0) / ICMP(type=3, code=4),
    "icmp6 2001:db8::1 > 2001:db8:2::3": IPv6(**V6, hlim=64) / ICMPv6EchoRequest(),
    "icmp6 2001:db8::1 > 2001:db8:2::3 type 3 code 1": IPv6(**V6, hlim=64) / ICMPv6TimeExceeded(code=1),
}


@pytest.mark.parametrize("line", CASES)
def test_words_become_the_octets_that_scapy_makes(line: str) -> None:
    assert octets(parse(line), OWN).hex() == bytes(ETHER / CASES[line]).hex()


def test_macs_may_be_said() -> None:
    said = octets(parse("icmp 10.0.0.1 > 20.1.2.3 mac ff:ff:ff:ff:ff:ff from 02:00:00:00:00:AA"), OWN)
    assert said[:12].hex() == "ffffffffffff0200000000aa"


WRONG = {
    "": ("a packet begins with its protocol", ""),
    "sctp 10.0.0.1:1 > 20.1.2.3:2": ("no protocol 'sctp'", "sctp"),
    "udp": ("the source is missing", ""),
    "udp 10.0.0.1:1": ("a > stands between", ""),
    "udp 10.0.0.1:1 20.1.2.3:2": ("a > stands between", "20.1.2.3:2"),
    "udp 10.0.0.1:1 >": ("the destination is missing", ""),
    "udp 10.0.0.300:1 > 20.1.2.3:2": ("'10.0.0.300' is no address", "10.0.0.300:1"),
    "udp 10.0.0.1:x > 20.1.2.3:2": ("a number from 0 to 65535 is needed, not 'x'", "x"),
    "udp 10.0.0.1:1 > 20.1.2.3:65536": ("a number from 0 to 65535", "65536"),
    "udp 10.0.0.1:1 > [2001:db8::1]:2": ("IPv6, and the source is IPv4", "[2001:db8::1]:2"),
    "icmp 10.0.0.1:1 > 20.1.2.3": ("icmp has no ports", "10.0.0.1:1"),
    "icmp6 10.0.0.1 > 20.1.2.3": ("icmp6 is not IPv4's", "icmp6"),
    "udp 10.0.0.1:1 > 20.1.2.3:2 tll 1": ("no option 'tll'", "tll"),
    "udp 10.0.0.1:1 > 20.1.2.3:2 ttl": ("a number from 0 to 255 is needed", ""),
    "udp 10.0.0.1:1 > 20.1.2.3:2 ttl 256": ("a number from 0 to 255", "256"),
    f"udp 10.0.0.1:1 > 20.1.2.3:2 ttl {'9' * 5000}": ("a number from 0 to 255", "9" * 5000),
    "udp 10.0.0.1:1 > 20.1.2.3:2 hlim 2": ("'hlim' is not IPv4's", "hlim"),
    "udp [::1]:1 > [::2]:2 ttl 2": ("'ttl' is not IPv6's", "ttl"),
    "udp 10.0.0.1:1 > 20.1.2.3:2 size 27": ("a udp packet has 28 octets at least", "27"),
    "udp 10.0.0.1:1 > 20.1.2.3:2 mac 02:00": ("a MAC is needed", "02:00"),
    "udp 10.0.0.1:1 > 20.1.2.3:2 type 8": ("udp has no type", "type"),
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_not_understood_is_pointed_at(line: str) -> None:
    why, word = WRONG[line]
    with pytest.raises(NotUnderstood) as told:
        parse(line)
    said, shown, pointer = str(told.value).split("\n")
    assert why in said
    assert shown == "    " + line
    at = pointer.index("^") - 4
    assert line[at : at + pointer.count("^")] == word
