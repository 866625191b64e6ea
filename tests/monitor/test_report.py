"""Rates between two snapshots, against sums done by hand."""

import copy
import re

import pytest

from bise.monitor.report import NodeReport, PortRates, Report, report
from bise.monitor.snapshot import Snapshot
from tests.control.documented import DOCUMENT, documented
from tests.monitor.instance import Instance


def snapshot(at_s: float, instance: Instance) -> Snapshot:
    of = copy.deepcopy(instance)
    of.status["uptime_ns"] = int(at_s * 1e9)
    return Snapshot(int(at_s * 1e9), of.status, of.ports, of.drops, of.punts, None, None)  # type: ignore[arg-type]


def test_rates_are_per_second_whatever_the_interval():
    instance = Instance()
    before = snapshot(10, instance)
    instance.ports[0]["received"] += 500
    instance.ports[0]["transmitted_octets"] += 3000
    instance.ports[0]["steering"]["multicast"] += 3
    instance.ports[0]["steering"]["late"] = 2
    instance.drops[1]["packets"] += 5
    instance.status["workers"][0].update(packets=instance.status["workers"][0]["packets"] + 700)
    found = report(before, snapshot(12.5, instance))
    assert found["interval_ns"] == 2_500_000_000
    rates = found["ports"][0]["rates"]
    assert rates is not None
    assert (rates["received"], rates["transmitted"], rates["transmitted_octets"], rates["left"]) == (200, 0, 1200, 2)
    assert [each["rate"] for each in found["drops"]] == [0, 2, 0]
    assert found["workers"][0]["rate"] == 280


def test_busy_is_what_happened_between_and_not_what_others_have_asked():
    instance = Instance()
    before = snapshot(1, instance)
    worker = instance.status["workers"][0]
    worker.update(epoch=worker["epoch"] + 1000, busy_rounds=worker["busy_rounds"] + 250, busy=0.99)
    assert report(before, snapshot(2, instance))["workers"][0]["busy"] == 0.25


@pytest.mark.parametrize("change", [{"pid": 4712}, {"uptime_ns": 1}])
def test_another_process_has_no_rates(change):
    instance = Instance()
    before = snapshot(10, instance)
    after = snapshot(11, instance)
    after.status.update(change)  # type: ignore[typeddict-item]
    found = report(before, after)
    assert found["interval_ns"] is None
    assert found["ports"][0]["rates"] is None
    assert {each["rate"] for each in found["drops"]} == {None}


def test_a_port_that_was_made_anew_counts_from_zero():
    instance = Instance()
    before = snapshot(10, instance)
    instance.ports[0]["received"] = 40
    rates = report(before, snapshot(12, instance))["ports"][0]["rates"]
    assert rates is not None
    assert rates["received"] == 20


def test_a_port_whose_interface_is_gone_is_still_there():
    instance = Instance()
    gone = {"name": "eth7", "ifindex": 0, "kind": "kernel", "state": "gone", "gate": "its interface is gone"}
    instance.status["ports"].append(gone)
    found = report(None, snapshot(1, instance))["ports"][1]
    assert (found["name"], found["state"], found["received"], found["rates"]) == ("eth7", "gone", 0, None)


def test_every_key_is_documented_and_no_other():
    rows = documented("top")
    assert {re.match(r"[a-z_]+", row)[0] for row in rows} == set(Report.__annotations__)  # type: ignore[index]
    assert {row for row in rows if row.startswith("nodes")} == {
        f"nodes[].{name}" for name in NodeReport.__annotations__
    }
    section = DOCUMENT.read_text().split("## top\n")[1].split("\n## ")[0]
    rates = {
        name for line in section.splitlines() if "ports[].rates" in line for name in re.findall(r"[a-z_]+(?=`)", line)
    }
    assert rates == set(PortRates.__annotations__)
