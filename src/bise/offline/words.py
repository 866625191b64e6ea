"""Packets in a line of words (docs/explain.md), as `udp 10.0.0.1:1 > 20.1.2.3:53 ttl 1`: parsed, and made into octets.

PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [OPTION …]
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from bise.errors import BiseError

_PROTOCOLS = {"udp": 17, "tcp": 6, "icmp": 1, "icmp6": 58}
_PORTED = ("udp", "tcp")
_ECHO = {"icmp": 8, "icmp6": 128}
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}
IP: TypeAlias = IPv4Address | IPv6Address
_LONGEST_NUMBER = 20  # digits; int() refuses thousands of them by an error of its own


class NotUnderstood(BiseError):
    """The words describe no packet: says why, and points at the word."""

    exit_status = 2

    def __init__(self, why: str, line: str, at: int, length: int) -> None:
        super().__init__(f"{why}\n    {line}\n    {' ' * at}{'^' * max(1, length)}")


@dataclass(frozen=True)
class Words:
    """What a line says. `size`: octets of the IP packet, 0 for the least. MACs None: the port's own, and anybody's."""

    protocol: str
    source: IP
    destination: IP
    source_port: int = 0
    destination_port: int = 0
    hops: int = 64
    size: int = 0
    tos: int = 0
    df: bool = False
    type: int | None = None
    code: int = 0
    mac: int | None = None
    source_mac: int = 0x020000000001

    @property
    def number(self) -> int:
        """Of the protocol, as IP says it."""
        return _PROTOCOLS[self.protocol]


@dataclass(frozen=True)
class _Word:
    text: str
    at: int
    line: str

    def wrong(self, why: str) -> NotUnderstood:
        return NotUnderstood(why, self.line, self.at, len(self.text))


def parse(line: str) -> Words:
    """What the line says. Raises NotUnderstood."""
    words = [_Word(found.group(), found.start(), line) for found in re.finditer(r"\S+", line)]
    if not words:
        raise NotUnderstood(f"a packet begins with its protocol: {', '.join(_PROTOCOLS)}", line, 0, 1)
    if words[0].text not in _PROTOCOLS:
        raise words[0].wrong(f"no protocol {words[0].text!r}; there are {', '.join(_PROTOCOLS)}")
    end = _Word("", len(line) + 1, line)
    source, arrow, destination = [*words[1:4], end, end, end][:3]
    protocol = words[0].text
    sender, sender_port = _end(source, protocol, "the source")
    if arrow.text != ">":
        raise arrow.wrong("a > stands between source and destination")
    target, target_port = _end(destination, protocol, "the destination")
    if sender.version != target.version:
        raise destination.wrong(f"IPv{target.version}, and the source is IPv{sender.version}")
    if protocol in _ECHO and (protocol == "icmp6") != (sender.version == 6):
        raise words[0].wrong(f"{protocol} is not IPv{sender.version}'s")
    said = Words(protocol, sender, target, sender_port, target_port)
    return _options(said, words[4:], end)


def _end(word: _Word, protocol: str, what: str) -> tuple[IP, int]:
    """An address, and a port where the protocol has ports."""
    if not word.text:
        raise word.wrong(f"{what} is missing, an address like 10.0.0.1:53 or [2001:db8::1]:53")
    found = re.fullmatch(r"\[(?P<six>[^]]*)](?::(?P<port6>.*))?|(?P<four>[^:]*)(?::(?P<port4>[^:]*))?", word.text)
    address = word.text if found is None else found["six"] or found["four"] or ""
    port = None if found is None else found["port6"] or found["port4"]
    try:
        parsed = ip_address(address)
    except ValueError:
        raise word.wrong(f"{address!r} is no address") from None
    if port is not None and protocol not in _PORTED:
        raise word.wrong(f"{protocol} has no ports")
    return parsed, 0 if port is None else _number(
        replace(word, text=port, at=word.at + len(word.text) - len(port)), 65535
    )


def _number(word: _Word, most: int) -> int:
    if not word.text.isdecimal() or len(word.text) > _LONGEST_NUMBER or int(word.text) > most:
        raise word.wrong(f"a number from 0 to {most} is needed" + (f", not {word.text!r}" if word.text else ""))
    return int(word.text)


def _mac(word: _Word) -> int:
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", word.text):
        raise word.wrong("a MAC is needed, like 02:00:00:00:00:01")
    return int(word.text.replace(":", ""), 16)


# By the option's word: the field of Words, and what its value is read by.
_VALUES: dict[str, tuple[str, Callable[[_Word], int]]] = {
    "ttl": ("hops", lambda word: _number(word, 255)),
    "hlim": ("hops", lambda word: _number(word, 255)),
    "size": ("size", lambda word: _number(word, 65535)),
    "tos": ("tos", lambda word: _number(word, 255)),
    "type": ("type", lambda word: _number(word, 255)),
    "code": ("code", lambda word: _number(word, 255)),
    "mac": ("mac", _mac),
    "from": ("source_mac", _mac),
}
_ONLY = {"ttl": 4, "df": 4, "hlim": 6}


def _options(said: Words, words: list[_Word], end: _Word) -> Words:
    family = said.source.version
    while words:
        word, *words = words
        if word.text != "df" and word.text not in _VALUES:
            raise word.wrong(f"no option {word.text!r}; there are df, {', '.join(_VALUES)}")
        if _ONLY.get(word.text, family) != family:
            raise word.wrong(f"{word.text!r} is not IPv{family}'s")
        if word.text in ("type", "code") and said.protocol not in _ECHO:
            raise word.wrong(f"{said.protocol} has no {word.text}")
        if word.text == "df":
            said = replace(said, df=True)
            continue
        name, read = _VALUES[word.text]
        value, *words = words or [end]
        said = replace(said, **{name: read(value)})  # type: ignore[arg-type]
        if name == "size" and said.size < _least(said):
            raise value.wrong(f"a {said.protocol} packet has {_least(said)} octets at least")
    return said


def _least(said: Words) -> int:
    return (20 if said.source.version == 4 else 40) + (20 if said.protocol == "tcp" else 8)


def octets(said: Words, own_mac: int) -> bytes:
    """The packet, from its Ethernet header on, its checksums right; `own_mac`: of the port that receives it."""
    mac = own_mac if said.mac is None else said.mac
    payload = bytes(max(said.size, _least(said)) - _least(said))
    transport = _transport(said, payload)
    ethernet = mac.to_bytes(6, "big") + said.source_mac.to_bytes(6, "big")
    return ethernet + _ETHERTYPES[said.source.version].to_bytes(2, "big") + _network(said, len(transport)) + transport


def _network(said: Words, length: int) -> bytes:
    ends = said.source.packed + said.destination.packed
    if said.source.version == 6:
        return struct.pack("!IHBB", 6 << 28 | said.tos << 20, length, said.number, said.hops) + ends
    flags = 0x4000 if said.df else 0
    first = struct.pack("!BBHHHBB", 0x45, said.tos, 20 + length, 0, flags, said.hops, said.number)
    return first + _checksum(first + bytes(2) + ends) + ends


def _transport(said: Words, payload: bytes) -> bytes:
    ports = struct.pack("!HH", said.source_port, said.destination_port)
    length = _least(said) - (20 if said.source.version == 4 else 40) + len(payload)
    pseudo = said.source.packed + said.destination.packed + struct.pack("!II", length, said.number)
    if said.protocol == "udp":
        first = ports + struct.pack("!H", length)
        checksum = _checksum(pseudo + first + payload)
        return first + (checksum if any(checksum) else b"\xff\xff") + payload
    if said.protocol == "tcp":
        first, last = ports + struct.pack("!IIBBH", 0, 0, 5 << 4, 2, 65535), bytes(2)  # a SYN
        return first + _checksum(pseudo + first + last + payload) + last + payload
    kind = _ECHO[said.protocol] if said.type is None else said.type
    first, last = bytes([kind, said.code]), bytes(4)
    covered = (pseudo if said.protocol == "icmp6" else b"") + first + last + payload
    return first + _checksum(covered) + last + payload


def _checksum(covered: bytes) -> bytes:
    """RFC 1071; the checksum's own place left out or zero."""
    covered += bytes(len(covered) % 2)
    total: int = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
