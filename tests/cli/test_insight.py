"""The verbs that look at packets, against a daemon that tells of packets made by scapy."""

import json
import struct
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from tests.cli import replies
from tests.cli.recorded import Teller, record
from tests.control.serving import serving


def packet(port: int, ttl: int = 64) -> bytes:
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return bytes(frame / IP(src="10.0.0.1", dst="20.1.2.3", ttl=ttl) / UDP(sport=1000, dport=port) / b"hello")


DNS, OTHER = packet(53), packet(80)
AGED = packet(53, 63)
FORWARDED = record(DNS, 0, steps=((0, 0, 41, DNS[:40]), (1, 0, 20, AGED[:40])), depth=40)
PUNTED = record(OTHER, 2, steps=((0, 0, 40, OTHER[:40]), (1, 1, 9, OTHER[:40])), depth=40)


def pcapng(file: Path) -> list[tuple[bytes, str, int, int, str]]:
    """What scapy reads: octets, interface, direction, time in ns, comment."""
    found = []
    reader = RawPcapNgReader(str(file))
    for octets, about in reader:
        when = (about.tshigh << 32 | about.tslow) * (10**9 // about.tsresol)
        comments = getattr(about, "comments", None) or [about.comment]
        (comment,) = (text.decode() for text in comments)
        found.append((octets, about.ifname.decode(), about.direction, when, comment))
    return found


def test_a_trace_shows_each_node_and_what_changed(call, directory):
    teller = Teller([FORWARDED, PUNTED])
    with serving(directory, teller.verbs()):
        outcome = call("trace", "--port", "eth0", "--count", "2")
    assert outcome.status == 0
    assert teller.ended
    assert teller.asked["port"] == "eth0"
    assert "compiling" in outcome.error
    assert "     ipv4 10.0.0.1 > 20.1.2.3 ttl 64 udp length 33\n" in outcome.out
    assert ["→", "ethernet.input", "IPV4", "41", "cycles"] in outcome.words
    aged = next(words for words in outcome.words if "OUTPUT" in words)
    assert aged[:8] == ["→", "ipv4.forward", "OUTPUT", "20", "cycles", "ipv4.ttl", "64", "→"]
    assert ["=", "transmit", "by", "eth3"] in outcome.words
    assert ["=", "punt", "ipv4.ttl"] in outcome.words


def test_a_trace_as_json_says_the_same(call, directory):
    with serving(directory, Teller([PUNTED, FORWARDED]).verbs()):
        outcome = call("trace", "--filter", "udp port 53", "--count", "1", "--json")
    (found,) = json.loads(outcome.out)
    assert (found["port"], found["egress"], found["verdict"]) == ("eth0", "eth3", "transmit")
    assert found["when_ns"] == 1_700_000_000_000_000_005
    assert bytes.fromhex(found["packet"]) == DNS
    assert [(step["node"], step["edge"], step["to"], step["cycles"]) for step in found["steps"]] == [
        ("ethernet.input", "IPV4", "ipv4.forward", 41),
        ("ipv4.forward", "OUTPUT", "transmit", 20),
    ]
    assert "ipv4.ttl 64 → 63" in found["steps"][1]["changes"]


def test_a_traced_packet_in_a_file_has_its_way_as_a_comment(call, directory, tmp_path):
    file = tmp_path / "out.pcapng"
    with serving(directory, Teller([PUNTED]).verbs()):
        assert call("trace", "--count", "1", "--pcap", str(file)).status == 0
    way = "ethernet.input IPV4 > ipv4.forward TTL > punt ipv4.ttl"
    assert pcapng(file) == [(OTHER, "eth0", 1, 1_700_000_000_000_000_005, way)]


def test_a_capture_has_both_directions_with_verdict_and_reason(call, directory, tmp_path):
    file = tmp_path / "out.pcapng"
    teller = Teller([record(OTHER, 2), record(b"", 0, AGED), record(DNS, 0, AGED)], missed=30)
    with serving(directory, teller.verbs()):
        outcome = call("capture", "--port", "eth0", "--count", "4", str(file))
    assert outcome.status == 0
    found = pcapng(file)
    assert [(octets, way, comment) for octets, _, way, _, comment in found] == [
        (OTHER, 1, "punt ipv4.ttl"),
        (AGED, 2, "transmit, received on eth0"),
        (DNS, 1, "transmit by eth3"),
        (AGED, 2, "transmit, received on eth0"),
    ]
    assert {name for _, name, *_ in found} == {"eth0"}
    assert "4 packets written; 30 of the packets (75.0%) were forwarded unseen" in outcome.error


def test_a_capture_holds_what_matches_and_no_more(call, directory, tmp_path):
    file = tmp_path / "out.pcapng"
    with serving(directory, Teller([record(OTHER, 2), record(DNS, 0, AGED)]).verbs()):
        call("capture", "--port", "eth0", "--count", "1", "--direction", "in", "--filter", "udp port 53", str(file))
    assert [octets for octets, *_ in pcapng(file)] == [DNS]


def test_every_block_of_a_file_is_as_long_as_it_says(call, directory, tmp_path):
    file = tmp_path / "out.pcapng"
    with serving(directory, Teller([record(DNS + bytes(n), 2) for n in range(5)]).verbs()):
        call("capture", "--port", "eth0", "--count", "5", str(file))
    octets, blocks = file.read_bytes(), []
    while octets:
        kind, length = struct.unpack_from("<II", octets)
        assert length % 4 == 0
        assert struct.unpack_from("<I", octets, length - 4) == (length,)
        blocks.append(kind)
        octets = octets[length:]
    assert blocks == [0x0A0D0D0A, 1, 6, 6, 6, 6, 6]


@pytest.mark.parametrize("verb", [("trace",), ("capture", "--port", "eth0", "/nowhere/out.pcapng")])
def test_a_filter_that_is_none_is_refused_before_anything_is_asked(call, directory, verb):
    outcome = call(*verb, "--filter", "udp prot 53")
    assert outcome.status == 2
    assert outcome.error.startswith("bise: filter 'udp prot 53': can't parse filter expression: syntax error")
    assert outcome.error.count("\n") == 1


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(call, directory):
    outcome = call("capture", "--port", "eth0", "/nowhere/out.pcapng")
    assert (outcome.status, outcome.error) == (1, "bise: can't write /nowhere/out.pcapng: No such file or directory\n")


def test_samples_stand_beside_their_reasons(call, directory):
    punts = [{"reason": "ipv4.ttl", "packets": 3, "meaning": "too old"}, *replies.DROPS]
    teller = Teller([FORWARDED, PUNTED])
    with serving(directory, {**teller.verbs(), "punts": lambda _: punts}):
        found = json.loads(call("punts", "--sample", "--seconds", "0.1", "--json").out)
    assert teller.asked["each"] == 1
    assert [reason["reason"] for reason in found if reason["sample"]] == ["ipv4.ttl"]
    assert bytes.fromhex(found[0]["sample"]["packet"]) == OTHER
    with serving(directory, {**Teller([FORWARDED, PUNTED]).verbs(), "punts": lambda _: punts}):
        outcome = call("punts", "--sample", "--seconds", "0.1")
    assert "ipv4.ttl: 47 octets received on eth0\n" in outcome.out
    assert "ipv4.version: no such packet meanwhile\n" in outcome.out


def test_cycles_are_those_between_two_questions(call, directory):
    def answer(_: object) -> object:
        asked.append(1)
        times = len(asked) - 1
        nodes = [{"node": "ipv4.input", "packets": 100 * times, "cycles": 4000 * times + 7}]
        state = "compiling" if times == 0 else "sampling"
        return {"state": state, "bare": {"packets": 10 * times, "cycles": 610 * times}, "nodes": nodes}

    asked: list[int] = []
    with serving(directory, {"cycles": answer}):
        outcome = call("cycles", "--seconds", "0.1")
    assert ["ipv4.input", "100", "40"] in outcome.words
    assert "with reception and transmission: 61 cycles a packet" in outcome.out
