"""Packet sockets (packet(7)) that sit on a port: tcpdump, an IDS, sFlow from a capture. They see what Linux sees, and
what the fast path forwards Linux doesn't see.

Linux announces none of them: `/proc/net/packet` is read now and then. Sockets for protocols that are always Linux's
(ARP, LLDP, EAPOL …) miss nothing and are left out.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)
_TABLE = Path("/proc/self/net/packet")
_ALL, _IPV4, _IPV6 = 0x0003, 0x0800, 0x86DD
_WHAT = {_ALL: "packets", _IPV4: "IPv4 packets", _IPV6: "IPv6 packets"}


@dataclass(frozen=True)
class Listener:
    """A packet socket. `interface` 0: of all of them."""

    inode: int
    protocol: int
    interface: int


def listeners_in(text: str) -> set[Listener]:
    """The sockets in a text like /proc/net/packet that would see IP packets."""
    found = set()
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) == 9 and int(words[3], 16) in _WHAT and words[5] == "1":  # running
            found.add(Listener(int(words[8]), int(words[3], 16), int(words[4])))
    return found


class Listeners:
    """Those on ports of ours; each is named once in the log, and as long as it is there in `notes`."""

    def __init__(self, table: Path = _TABLE) -> None:
        self._table = table
        self._known: dict[Listener, str] = {}
        self.notes: list[str] = []

    def look(self, ports: Mapping[int, str]) -> None:
        """`ports`: names by interface index."""
        try:
            found = listeners_in(self._table.read_text())
        except OSError:
            return  # a kernel without packet sockets
        found = {one for one in found if one.interface in ports or (one.interface == 0 and ports)}
        fresh = found - self._known.keys()
        programs = _programs({one.inode for one in fresh}) if fresh else {}
        for one in fresh:
            self._known[one] = programs.get(one.inode, "a program")
            _log.warning("%s", self._note(one, ports))
        self._known = {one: program for one, program in self._known.items() if one in found}
        self.notes = sorted({self._note(one, ports) for one in found})

    def _note(self, one: Listener, ports: Mapping[int, str]) -> str:
        where = ports.get(one.interface, "all interfaces")
        what = _WHAT[one.protocol]
        return (
            f"{self._known[one]} listens for {what} on {where} and misses those that Bise forwards "
            "(bise capture sees them)"
        )


def _programs(inodes: Iterable[int]) -> dict[int, str]:
    """Which program has each of these sockets open: "tcpdump (4711)"."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        here = {wanted[link] for link in _links(process / "fd") if link in wanted}
        with suppress(OSError):  # it ended in between
            if here:
                found |= dict.fromkeys(here, f"{(process / 'comm').read_text().strip()} ({process.name})")
    return found


def _links(folder: Path) -> Iterator[str]:
    """Where the links of a folder lead, as far as they are still there."""
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):
                yield os.readlink(folder / name)
