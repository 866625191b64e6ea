"""A monitor and the instances that come and go under its name."""

import asyncio
from pathlib import Path

from bise.control.socket import ControlServer
from bise.monitor.monitor import Monitor
from tests.control.serving import serving
from tests.monitor.instance import Instance


def test_it_goes_on_with_whoever_is_there_next(tmp_path: Path) -> None:
    first, second = Instance(), Instance(pid=4712)
    with Monitor("default", tmp_path) as monitor:
        with serving(tmp_path, first.verbs):
            assert monitor.look().trouble == ""
            again = monitor.look()
            assert again.report is not None
            assert again.report["interval_ns"]
        gone = monitor.look()
        assert gone.report is None
        assert gone.trouble.startswith("no bise named 'default' runs")
        with serving(tmp_path, second.verbs):
            back = monitor.look()
            assert back.report is not None
            assert (back.report["status"]["pid"], back.report["interval_ns"], back.restarts) == (4712, None, 1)


def test_one_that_is_stopped_is_trouble_and_not_for_ever(tmp_path: Path) -> None:
    server = ControlServer("default", tmp_path)  # listens, and answers nobody
    with Monitor("default", tmp_path, reply_within_s=0.05) as monitor:
        assert "gave no answer within 0.05 s" in monitor.look().trouble
        asyncio.run(server.close())
        with serving(tmp_path, Instance().verbs):
            assert monitor.look().trouble == ""


def test_a_restart_between_two_looks_is_no_trouble(tmp_path: Path) -> None:
    with Monitor("default", tmp_path) as monitor:
        for pid in (1, 2, 3):
            with serving(tmp_path, Instance(pid=pid).verbs):
                look = monitor.look()
                assert (look.trouble, look.restarts) == ("", pid - 1)


def test_an_instance_that_begins_has_no_counters_yet(tmp_path: Path) -> None:
    instance = Instance()
    with serving(tmp_path, {"status": instance.verbs["status"]}), Monitor("default", tmp_path) as monitor:
        report = monitor.look().report
    assert report is not None
    assert (report["drops"], report["nodes"]) == ([], None)
    assert [port["received"] for port in report["ports"]] == [0]


def test_nodes_cost_what_they_took_since_the_last_look(tmp_path: Path) -> None:
    instance = Instance()
    instance.cycles = {"nodes": [{"node": "ipv4.input", "packets": 10**9, "cycles": 7 * 10**9, "costs": 12.5}]}
    with serving(tmp_path, instance.verbs), Monitor("default", tmp_path, cycles=True) as monitor:
        first, second = monitor.look().report, monitor.look().report
    assert first is not None
    assert second is not None
    assert first["nodes"] == []
    assert second["nodes"] == [{"node": "ipv4.input", "cycles": 12.5, "packets": 100}]


def test_nobody_is_made_to_measure_who_was_not_asked_to(tmp_path: Path) -> None:
    instance = Instance()
    instance.cycles = {"nodes": []}
    with serving(tmp_path, instance.verbs), Monitor("default", tmp_path) as monitor:
        report = monitor.look().report
    assert report is not None
    assert report["nodes"] is None
    assert "cycles" not in instance.asked


def test_neighbours_are_asked_for_now_and_then_only(tmp_path: Path) -> None:
    instance = Instance()
    with serving(tmp_path, instance.verbs), Monitor("default", tmp_path, neighbours_every=3) as monitor:
        looks = [monitor.look() for _ in range(7)]
    assert instance.asked.count("neighbours") == 3
    assert all(look.neighbours == tuple(instance.neighbours) for look in looks)
