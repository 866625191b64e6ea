"""A watcher and the instances that come and go under its name."""

from pathlib import Path

from bise.watch.watcher import Watcher
from tests.control.serving import serving
from tests.watch.instance import Instance


def test_it_goes_on_with_whoever_is_there_next(tmp_path: Path) -> None:
    first, second = Instance(), Instance(pid=4712)
    with Watcher("default", tmp_path) as watcher:
        with serving(tmp_path, first.verbs):
            assert watcher.look().trouble == ""
            again = watcher.look()
            assert again.report is not None
            assert again.report["interval_ns"]
        gone = watcher.look()
        assert gone.report is None
        assert gone.trouble.startswith("no bise named 'default' runs")
        with serving(tmp_path, second.verbs):
            back = watcher.look()
            assert back.report is not None
            assert (back.report["status"]["pid"], back.report["interval_ns"], back.restarts) == (4712, None, 1)


def test_a_restart_between_two_looks_is_no_trouble(tmp_path: Path) -> None:
    with Watcher("default", tmp_path) as watcher:
        for pid in (1, 2, 3):
            with serving(tmp_path, Instance(pid=pid).verbs):
                look = watcher.look()
                assert (look.trouble, look.restarts) == ("", pid - 1)


def test_an_instance_that_begins_has_no_counters_yet(tmp_path: Path) -> None:
    instance = Instance()
    with serving(tmp_path, {"status": instance.verbs["status"]}), Watcher("default", tmp_path) as watcher:
        report = watcher.look().report
    assert report is not None
    assert (report["drops"], report["nodes"]) == ([], None)
    assert [port["received"] for port in report["ports"]] == [0]


def test_nodes_are_shown_where_the_instance_measures_them(tmp_path: Path) -> None:
    instance = Instance()
    instance.cycles = [{"node": "ipv4.input", "cycles": 12.5, "packets": 4096}]
    with serving(tmp_path, instance.verbs), Watcher("default", tmp_path) as watcher:
        report = watcher.look().report
    assert report is not None
    assert report["nodes"] == instance.cycles


def test_neighbours_are_asked_for_now_and_then_only(tmp_path: Path) -> None:
    instance = Instance()
    with serving(tmp_path, instance.verbs), Watcher("default", tmp_path, neighbours_every=3) as watcher:
        looks = [watcher.look() for _ in range(7)]
    assert instance.asked.count("neighbours") == 3
    assert all(look.neighbours == tuple(instance.neighbours) for look in looks)
