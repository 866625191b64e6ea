"""What C and Python say about the steering program has to be the same."""

import re
from enum import IntEnum
from pathlib import Path

import pytest

from bise.ports import mbuf
from bise.ports.errors import NotBuilt
from bise.ports.steering import build
from bise.ports.steering.layout import DOUBT_BITS, DOUBT_FACTOR, ROOM, Flag, Gate, Reason, mac_word

HEADER = (build.SOURCES / "steer.h").read_text()


def c_enum(name: str) -> dict[str, int]:
    """The members of an enum in steer.h."""
    body = re.sub(r"/\*.*?\*/", "", re.search(rf"enum {name} {{(.*?)}}", HEADER, re.DOTALL)[1])
    members: dict[str, int] = {}
    for word in filter(None, (part.strip() for part in body.split(","))):
        label, _, value = (part.strip() for part in word.partition("="))
        members[label] = int(value) if value else len(members)
    return members


@pytest.mark.parametrize(("name", "ours"), [("reason", Reason), ("gate", Gate), ("flag", Flag)])
def test_c_and_python_name_the_same_numbers(name: str, ours: type[IntEnum]):
    theirs = c_enum(name)
    theirs.pop("REASONS", None)
    assert theirs == {member.name: member.value for member in ours if member.value or name == "reason"}


def test_the_room_of_a_packet_is_the_pools():
    assert int(re.search(r"ROOM = (\d+)", HEADER)[1]) == ROOM == mbuf.ROOM


def test_an_address_has_the_same_bit_in_both():
    assert int(re.search(r"DOUBT_BITS = (\d+)", HEADER)[1]) == DOUBT_BITS
    assert int(re.search(r"DOUBT_FACTOR (\w+)u", HEADER)[1], 16) == DOUBT_FACTOR


def test_the_mac_word_is_what_a_little_endian_load_sees():
    assert mac_word(0x0102_0304_0506) == int.from_bytes(bytes([1, 2, 3, 4, 5, 6, 0, 0]), "little")


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotBuilt, match="package clang"):
        build.build(tmp_path)


def test_an_object_that_was_not_built_is_named(tmp_path: Path):
    with pytest.raises(NotBuilt, match="script/setup"):
        build.object_path("steer", tmp_path)


@pytest.mark.parametrize(
    ("complaint", "package"),
    [
        ("fatal error: 'bpf/bpf_helpers.h' file not found", "libbpf-dev"),
        ("fatal error: 'linux/bpf.h' file not found", "linux-libc-dev"),
    ],
)
def test_missing_headers_are_named(complaint: str, package: str):
    assert package in build._explanation(complaint)


def test_what_is_not_older_than_its_source_is_not_built_again(tmp_path: Path):
    first = [path.stat().st_mtime_ns for path in build.build(tmp_path)]
    assert [path.stat().st_mtime_ns for path in build.build(tmp_path)] == first
