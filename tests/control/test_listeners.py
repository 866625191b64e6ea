"""Packet sockets: which of them miss something, against sockets that this process opens."""

import os
import socket
from pathlib import Path

import pytest

from bise.control.listeners import Listener, Listeners, listeners_in

TABLE = """sk       RefCnt Type Proto  Iface R Rmem   User   Inode
0000000000000000 3      3    0003   2     1 0      0      100
0000000000000000 3      3    0800   3     1 0      0      101
0000000000000000 3      3    86dd   0     1 0      0      102
0000000000000000 3      3    88cc   2     1 0      0      103
0000000000000000 3      3    0000   2     0 0      0      104
0000000000000000 3      10   0003   2     0 0      0      105
"""
PORTS = {2: "eth0", 3: "eth1"}


def test_those_that_would_see_ip_are_found():
    """LLDP's is Linux's in any case; one without a protocol, or not running, receives nothing."""
    assert listeners_in(TABLE) == {Listener(100, 3, 2), Listener(101, 0x800, 3), Listener(102, 0x86DD, 0)}


def test_each_is_named_once_in_the_log_and_noted_as_long_as_it_is_there(tmp_path, caplog):
    table = tmp_path / "packet"
    table.write_text(TABLE)
    found = Listeners(table)
    for _ in range(3):
        found.look(PORTS)
    assert len(caplog.messages) == len(found.notes) == 3
    assert [note.split(" and misses")[0] for note in found.notes] == [
        "a program listens for IPv4 packets on eth1",
        "a program listens for IPv6 packets on all interfaces",
        "a program listens for packets on eth0",
    ]
    found.look({3: "eth1"})
    assert [" eth1 " in note or " all " in note for note in found.notes] == [True, True]
    table.write_text("")
    found.look(PORTS)
    assert found.notes == []
    table.write_text(TABLE)
    found.look(PORTS)
    assert len(caplog.messages) == 6


def test_without_a_table_there_is_nothing_to_note(tmp_path):
    found = Listeners(tmp_path / "nothing")
    found.look(PORTS)
    assert found.notes == []


@pytest.mark.root
def test_a_socket_of_this_process_is_found_with_the_programs_name():
    loopback = socket.if_nametoindex("lo")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listening:
        listening.bind(("lo", 0))
        found = Listeners(Path("/proc/thread-self/net/packet"))
        found.look({loopback: "lo"})
        assert len([note for note in found.notes if f"({os.getpid()}) listens for packets on lo" in note])
