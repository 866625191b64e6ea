"""Measuring tables gives what documents and judges read; that the figures are good is not asked here."""

import numpy as np
import pytest

from bise.bench import prefixes, tables

KEYS = {"name", "unit", "ours", "yardstick", "ratio", "spread"}


@pytest.mark.parametrize("kind", [prefixes.ipv4, prefixes.scattered, prefixes.registered, prefixes.hosts])
def test_keys_are_drawn_inside_of_prefixes(kind):
    chance = np.random.default_rng(1)
    drawn = kind(60, chance)
    rules = [
        (int(high) << 64 | int(low), int(length))
        for high, low, length in zip(drawn.highs, drawn.lows, drawn.lengths, strict=True)
    ]
    assert len(set(rules)) == len(rules)
    assert all(prefix & ((1 << 128 - length) - 1) == 0 for prefix, length in rules)
    for high, low in prefixes.destinations(drawn, 40, chance).tolist():
        key = high << 64 | low
        assert any((key ^ prefix) >> (128 - length) == 0 for prefix, length in rules)


@pytest.mark.slow
def test_every_row_has_its_figures(monkeypatch):
    monkeypatch.setattr(tables, "RUNS", 2)
    rows = [
        *tables.measure32(50, 64),
        *tables.measure128(prefixes.scattered, 50, 64),
        *tables.measure_exact(64),
    ]
    assert all(row.keys() == KEYS and row["ours"] > 0 for row in rows)
    assert len({row["name"] for row in rows}) == len(rows)
