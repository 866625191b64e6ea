"""`bise run` up to the daemon, which a stand-in replaces."""

import os
import sys
import types

import pytest

from bise.control import machine
from bise.control.config import Configuration, Mode
from bise.control.port_specs import KernelPort


@pytest.fixture
def daemon_calls(monkeypatch):
    """The configurations that reached the daemon."""
    calls: list[Configuration] = []

    def run(wanted: Configuration) -> int:
        calls.append(wanted)
        return 3

    module = types.ModuleType("bise.daemon")
    module.run = run
    monkeypatch.setitem(sys.modules, "bise.daemon", module)
    monkeypatch.setattr("bise.daemon", module, raising=False)
    return calls


@pytest.fixture
def root(monkeypatch):
    """A machine with root, cores 0 to 3 and interfaces eth0 and eth1."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "lacking_capabilities", list)
    monkeypatch.setattr(machine, "online_cores", lambda: {0, 1, 2, 3})
    monkeypatch.setattr(machine, "allowed_cores", lambda: {0, 1, 2})
    monkeypatch.setattr(machine, "interface_exists", lambda name: name in ("eth0", "eth1"))


def test_the_daemon_gets_what_was_asked_for(call, root, daemon_calls):
    words = "--port eth0 --port eth1 --cores 0,1 --mode poll --memory 64M --queues 2 --name edge --confirm 60"
    assert call("run", *words.split()).status == 3
    assert daemon_calls == [
        Configuration("edge", (KernelPort("eth0"), KernelPort("eth1")), (0, 1), Mode.POLL, 64 << 20, 2, 60 * 10**9)
    ]


def test_a_worker_runs_on_the_last_core_if_none_is_named(call, root, daemon_calls):
    call("run", "--port", "eth0")
    assert daemon_calls[0].cores == (2,)


def test_replacing_is_asked_for_by_a_flag(call, root, daemon_calls, tmp_path):
    call("run", "--port", "eth0", "--replace")
    call("run", "--port", "eth0")
    assert [wanted.replaces for wanted in daemon_calls] == [True, False]
    path = tmp_path / "bise.toml"
    path.write_text("replace = true\n")
    assert "no such key" in call("run", "--config", str(path)).error


def test_a_file_is_read_and_flags_replace_it(call, root, daemon_calls, tmp_path):
    path = tmp_path / "bise.toml"
    path.write_text('ports = ["eth0"]\nmode = "interrupt"\n')
    call("run", "--config", str(path), "--mode", "poll")
    assert daemon_calls[0].ports == (KernelPort("eth0"),)
    assert daemon_calls[0].mode is Mode.POLL


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        ("", 2, "no port given; say --port eth0"),
        ("--port nosuch0", 1, "no interface 'nosuch0' in this network namespace (there is:"),
        ("--port eth0,eth1", 2, "'eth1' is not an option of the form key=value; each port has its own --port"),
        ("--port eth0 --port eth0", 2, "--port: 'eth0' is the same port as 'eth0'"),
        ("--port ipvlan:eth0", 2, "--port: 'ipvlan:eth0': no port kind 'ipvlan'"),
        ("--port eth0 --cores 1,9", 1, "core 9 is not online (online: 0-3)"),
        ("--port eth0 --cores 3", 1, "core 3 is not allowed to this process (allowed: 0-2)"),
        ("--port eth0 --memory 900T", 1, "are available; give a smaller --memory"),
        ("--port eth0 --name a/b", 2, "--name: a name is 1 to 32"),
        ("--port eth0 --mode quick", 2, "--mode: poll, adaptive, interrupt: one of these"),
        ("--config /nonexistent/bise.toml", 2, "/nonexistent/bise.toml: No such file or directory"),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_line(call, root, daemon_calls, words, status, why):
    outcome = call("run", *words.split())
    assert outcome.status == status
    assert why in outcome.error
    assert outcome.error.startswith("bise: ")
    assert outcome.error.count("\n") == 1
    assert daemon_calls == []


def test_without_root_nothing_starts(call, root, daemon_calls, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    outcome = call("run", "--port", "eth0")
    assert outcome.status == 1
    assert "needs root" in outcome.error
    assert daemon_calls == []


def test_root_without_capabilities_is_told_which(call, root, daemon_calls, monkeypatch):
    monkeypatch.setattr(machine, "lacking_capabilities", lambda: ["CAP_NET_ADMIN", "CAP_BPF"])
    assert "root, but without CAP_NET_ADMIN, CAP_BPF (a container?)" in call("run", "--port", "eth0").error


def test_a_word_that_is_no_option_is_a_usage_error(call):
    assert call("run", "--prot", "eth0").status == 2
    assert call("explode").status == 2
    assert call("status", "--name").status == 2
