import os
import resource
import socket
from dataclasses import replace

import pytest

from bise.control import machine
from bise.control.config import Configuration
from bise.control.port_specs import KernelPort, MemoryPort
from bise.errors import BiseError


@pytest.mark.parametrize(
    ("cores", "text"),
    [({0}, "0"), ({0, 1}, "0-1"), ({3, 1, 2, 7, 9, 10}, "1-3,7,9-10"), ({5, 7}, "5,7"), (set(), "")],
)
def test_cores_are_listed_as_the_kernel_lists_them(cores, text):
    assert machine.listed(cores) == text


def test_the_cores_of_this_process_are_online():
    assert os.sched_getaffinity(0) <= machine.online_cores()
    assert list(machine.core_obstacles(tuple(machine.allowed_cores()))) == []


def test_the_loopback_interface_exists_and_nonsense_does_not():
    assert machine.interface_exists("lo")
    assert not machine.interface_exists("")
    assert not machine.interface_exists("no such")


def test_memory_is_what_the_kernel_says():
    assert 0 < machine.available_memory() < 1 << 50


def test_lacking_capabilities_are_named(monkeypatch):
    masks = {"all": "000001ffffffffff", "none": "0000000000000000", "without BPF": "0000000000207000"}
    lacking = {}
    for who, mask in masks.items():
        monkeypatch.setattr(machine, "_field", lambda path, key, mask=mask: mask)
        lacking[who] = machine.lacking_capabilities()
    assert lacking["all"] == []
    assert lacking["none"] == ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_BPF"]
    assert lacking["without BPF"] == []  # CAP_SYS_ADMIN is there


def test_locked_memory_counts_only_without_the_right_to_lock(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (65536, 65536))
    monkeypatch.setattr(machine, "lacking_capabilities", lambda: ["CAP_IPC_LOCK"])
    assert machine.locked_memory_limit() == 65536
    monkeypatch.setattr(machine, "lacking_capabilities", list)
    assert machine.locked_memory_limit() is None


def test_an_admitted_configuration_has_a_core(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "lacking_capabilities", list)
    wanted = Configuration(ports=(KernelPort("lo"), MemoryPort("m0")))
    assert machine.admitted(wanted) == replace(wanted, cores=(max(os.sched_getaffinity(0)),))
    chosen = replace(wanted, cores=(min(os.sched_getaffinity(0)),))
    assert machine.admitted(chosen) == chosen


def test_an_unknown_interface_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0"), (3, "eth1")])
    assert machine.unknown_interface("eht0") == ("no interface 'eht0' in this network namespace (there is: eth0, eth1)")
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo")])
    assert "(there is: none but lo)" in machine.unknown_interface("eth0")


def test_no_configuration_without_ports(monkeypatch):
    with pytest.raises(BiseError, match="no port given") as caught:
        machine.admitted(Configuration())
    assert caught.value.exit_status == 2
