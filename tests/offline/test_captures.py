"""Captures: scapy reads what is written, what scapy writes is read, and a file that lies is refused with the place."""

import struct
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgWriter, rdpcap, wrpcap

from bise.offline.captures import Captured, CaptureError, Writer, read

PACKETS = [Captured(bytes([number]) * (14 + number), 14 + number, number * 1_000_000_001, "b") for number in range(7)]


def written(path: Path, packets: list[Captured] = PACKETS) -> Path:
    with Writer(path) as writer:
        for one in packets:
            writer.write(one)
    return path


@pytest.mark.parametrize("name", ["it.pcap", "it.pcapng"])
def test_scapy_reads_what_is_written(tmp_path: Path, name: str) -> None:
    found = rdpcap(str(written(tmp_path / name)))
    assert [bytes(packet) for packet in found] == [one.octets for one in PACKETS]
    assert [round(packet.time * 1_000_000_000) for packet in found] == [one.time_ns for one in PACKETS]


@pytest.mark.parametrize("ending", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_what_scapy_writes_is_read(tmp_path: Path, ending: str, nano: bool) -> None:
    packets = [Ether(one.octets) for one in PACKETS]
    wrpcap(str(tmp_path / "it.pcap"), packets, endianness=ending, nano=nano)
    assert [one.octets for one in read(tmp_path / "it.pcap")] == [one.octets for one in PACKETS]


def test_pcapng_of_scapy_is_read(tmp_path: Path) -> None:
    with PcapNgWriter(str(tmp_path / "it.pcapng")) as writer:
        for one in PACKETS:
            packet = Ether(one.octets)
            packet.sniffed_on = "eth7"
            writer.write(packet)
    assert [(one.octets, one.interface) for one in read(tmp_path / "it.pcapng")] == [
        (one.octets, "eth7") for one in PACKETS
    ]


def test_names_lengths_and_times_come_back(tmp_path: Path) -> None:
    packets = [*PACKETS, Captured(b"cut off", 9000, 5, "a")]
    both_ways = [*packets, Captured(b"sent", 4, 6, "b", outbound=True)]
    assert list(read(written(tmp_path / "it.pcapng", both_ways))) == both_ways
    without = [Captured(one.octets, one.total, one.time_ns) for one in packets]
    assert list(read(written(tmp_path / "it.pcap", packets))) == without


def block(order: str, kind: int, body: bytes) -> bytes:
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sections_units_and_simple_packets(tmp_path: Path, order: str) -> None:
    """Powers of two as units, a packet without a time, a second section that begins its interfaces anew."""
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack(order + "HH4sHHB3xHH", 2, 3, b"two\0", 9, 1, 0x80 | 10, 0, 0)
    interface = block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options)
    enhanced = block(order, 6, struct.pack(order + "IIIII", 0, 0, 1536, 3, 60) + b"abc\0")
    simple = block(order, 3, struct.pack(order + "I", 2) + b"xy\0\0")
    (tmp_path / "it").write_bytes((section + interface + enhanced + block(order, 99, b"") + simple) * 2)
    both = [Captured(b"abc", 60, 1_500_000_000, "two"), Captured(b"xy", 2, 0, "two")]
    assert list(read(tmp_path / "it")) == both * 2


def test_what_was_sent_is_told_from_what_was_received(tmp_path: Path) -> None:
    section = block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(
        "<", 1, struct.pack("<HHI", 1, 0, 0)
    )
    packets = [
        block("<", 6, struct.pack("<IIIII", 0, 0, 0, 3, 3) + b"abc\0" + struct.pack("<HHIHH", 2, 4, flags, 0, 0))
        for flags in (0, 1, 2, 0xFFFFFFFE)
    ]
    (tmp_path / "it").write_bytes(section + b"".join(packets))
    assert [one.outbound for one in read(tmp_path / "it")] == [False, False, True, True]


BAD = {
    "is neither pcap nor pcapng": b"GIF89a",
    "the file's header needs 20 octets, and the file ends after 2": b"\xd4\xc3\xb2\xa1\2\0",
    "link type 101, and only Ethernet": struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 9, 101),
    "a packet claims 4294967295 octets": struct.pack("<IHHiIII4I", 0xA1B2C3D4, 2, 4, 0, 0, 9, 1, 0, 0, 2**32 - 1, 0),
    "a packet needs 9 octets, and the file ends after 0": struct.pack(
        "<IHHiIII4I", 0xA1B2C3D4, 2, 4, 0, 0, 9, 1, 0, 0, 9, 9
    ),
    "a packet of interface 3, and there are 0": block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    + block("<", 6, struct.pack("<IIIII", 3, 0, 0, 0, 0)),
    "a block claims 7 octets": block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    + struct.pack("<II", 6, 7),
    "a block of kind 6 has 4 octets, too few": block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    + block("<", 6, b"abcd"),
}


@pytest.mark.parametrize("words", BAD)
def test_a_file_that_lies_is_refused(tmp_path: Path, words: str) -> None:
    (tmp_path / "bad").write_bytes(BAD[words])
    with pytest.raises(CaptureError, match=words):
        list(read(tmp_path / "bad"))


@pytest.mark.parametrize("name", ["it.pcap", "it.pcapng"])
def test_whatever_happens_to_a_file_nothing_but_its_own_error_comes(tmp_path: Path, name: str) -> None:
    """And what stands before the end of a file that is cut only, is read."""
    good, most = written(tmp_path / name).read_bytes(), 0
    for seed in range(1500):
        chance, octets = Random(seed), bytearray(good)
        damage = chance.randrange(3)
        for _ in range(damage):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        (tmp_path / "bad").write_bytes(octets[: chance.randrange(len(octets))])
        found: list[Captured] = []
        with suppress(CaptureError):
            found.extend(read(tmp_path / "bad"))
        if not damage:
            assert [one.octets for one in found] == [one.octets for one in PACKETS[: len(found)]]
            most = max(most, len(found))
    assert most >= len(PACKETS) - 1
