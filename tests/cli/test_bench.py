import json
import sys
import types

import pytest

from bise.bench.tables import row
from bise.cli.bench import BENCHES
from tests.control.documented import documented, keys_of

ROWS = [
    {"name": "forward", "unit": "cycles", "ours": 60.0, "yardstick": 40.0, "ratio": 1.5, "spread": 0.02},
    {"name": "alone", "unit": "/s", "ours": 1234567.0, "yardstick": None, "ratio": None, "spread": 0.0},
]


@pytest.fixture
def measured(monkeypatch):
    """A bench that knows its figures beforehand."""
    module = types.ModuleType("bise.bench.forward")
    module.measure = lambda: iter(ROWS)
    monkeypatch.setitem(sys.modules, "bise.bench.forward", module)


def test_json_has_the_rows(call, measured):
    assert json.loads(call("bench", "forward", "--json").out) == {"rows": ROWS}


def test_every_key_of_a_row_is_documented_and_no_other(call, measured):
    told = json.loads(call("bench", "forward", "--json").out)
    assert set(keys_of(told)) == documented("bench")
    assert set(row("alone", "/s", 1.0)) == set(ROWS[0])


def test_a_table_has_ours_beside_the_yardstick(call, measured):
    words = call("bench", "forward").words
    assert ["forward", "cycles", "60.00", "40.00", "1.50", "0.02"] in words
    assert ["alone", "/s", "1", "234", "567.00", "-", "-", "0.00"] in words


def test_a_bench_that_is_none_is_said(call):
    outcome = call("bench", "backward")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.error == f"bise: no bench 'backward'; there are {', '.join(BENCHES)}\n"
