"""Cycles a look-up and changes a second of the tables: `python -m bise.bench.tables`.

Ours alternates with a yardstick: one bare load from a cache line of its own for each key. `alone`: keys that don't wait
for each other; `chained`: each waits for the one before; `burst`: 32 at once. A figure is the best of many short runs,
each in another order, because the processor learns the order of what repeats.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bise.bench import prefixes
from bise.bench.prefixes import Prefixes, destinations
from bise.hot import Entry, Region, cycles, entry, load64, mix64, nth, shift_right64, store64
from bise.tables.hashmap import HashMap, look_up_exact
from bise.tables.prefix32 import Prefix32, ask32, found32, look_up32, seek32
from bise.tables.prefix128 import Prefix128, ask128, found128, look_up128, seek128
from bise.tables.question import Question
from bise.tables.retire import immediately

RUNS, BURST, KEY_SHIFT = 40, 32, 4
CHANGES = 20_000
LATE = 50  # values have fewer bits: the next key waits for the one before, and stays as it is


@entry(3)
def bare(lines, keys, count):
    """The yardstick; `count` is a power of two."""
    start, total = cycles(), 0
    for key in range(keys, keys + (count << KEY_SHIFT), 1 << KEY_SHIFT):
        total += load64(lines + ((mix64(load64(key) ^ load64(key + 8)) & (count - 1)) << 6))
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def alone32(root, keys, count):
    """32-bit keys."""
    start, total = cycles(), 0
    for key in range(keys, keys + (count << KEY_SHIFT), 1 << KEY_SHIFT):
        total += look_up32(root, shift_right64(load64(key), 32))
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def chained32(root, keys, count):
    """32-bit keys, one after the other."""
    start, total = cycles(), 0
    for key in range(keys, keys + (count << KEY_SHIFT), 1 << KEY_SHIFT):
        total += look_up32(root, shift_right64(load64(key), 32) + (total >> LATE))
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def burst32(root, keys, count):
    """32-bit keys, a burst at once; the questions lie behind the keys."""
    start, total, questions = cycles(), 0, keys + (count << KEY_SHIFT)
    for key in range(keys, questions, BURST << KEY_SHIFT):
        for number in range(BURST):
            value = shift_right64(load64(key + (number << KEY_SHIFT)), 32)
            ask32(root, nth(Question, questions, number), value)
        seek32(root, questions, BURST)
        for number in range(BURST):
            question = nth(Question, questions, number)
            total += found32(root, question, question.high)
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def alone128(root, keys, count):
    """128-bit keys."""
    start, total = cycles(), 0
    for key in range(keys, keys + (count << KEY_SHIFT), 1 << KEY_SHIFT):
        total += look_up128(root, load64(key), load64(key + 8))
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def chained128(root, keys, count):
    """128-bit keys, one after the other."""
    start, total = cycles(), 0
    for key in range(keys, keys + (count << KEY_SHIFT), 1 << KEY_SHIFT):
        total += look_up128(root, load64(key) + (total >> LATE), load64(key + 8))
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def burst128(root, keys, count):
    """128-bit keys, a burst at once; the questions lie behind the keys."""
    start, total, questions = cycles(), 0, keys + (count << KEY_SHIFT)
    for key in range(keys, questions, BURST << KEY_SHIFT):
        for number in range(BURST):
            halves = key + (number << KEY_SHIFT)
            ask128(root, nth(Question, questions, number), load64(halves), load64(halves + 8))
        seek128(root, questions, BURST)
        for number in range(BURST):
            question = nth(Question, questions, number)
            total += found128(root, question, question.high, question.low)
    store64(keys - 8, total)
    return cycles() - start


@entry(3)
def alone_exact(root, keys, count):
    """128-bit keys of a hash map."""
    start, total = cycles(), 0
    for key in range(keys, keys + (count << KEY_SHIFT), 1 << KEY_SHIFT):
        total += look_up_exact(root, load64(key), load64(key + 8))
    store64(keys - 8, total)
    return cycles() - start


def best(loops: list[tuple[str, Entry, int]], keys: Any, chance: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Cycles a key of each loop, and by how much the median is above; they take turns.

    Each runs twice in a row: first to find the caches as it left them itself, then to be measured, in another order.
    """
    size = 16 + keys.nbytes + BURST * Question.size
    region, lines = Region(2 * size, huge_pages=False), Region(64 * len(keys), huge_pages=False)
    places = [region.array("<u8", offset + 16, keys.size).reshape(keys.shape) for offset in (0, size)]
    loops = [("bare", bare, lines.address), *loops]
    spent: dict[str, list[float]] = {name: [] for name, *_ in loops}
    for _ in range(RUNS):
        for place in places:
            place[:] = chance.permutation(keys)
        for name, loop, root in loops:
            loop(root, region.address + 16, len(keys))
            spent[name].append(loop(root, region.address + size + 16, len(keys)) / len(keys))
    region.close()
    lines.close()
    return {name: (min(all_of), float(np.median(all_of)) / min(all_of) - 1) for name, all_of in spent.items()}


def rows(name: str, loops: list[tuple[str, Entry, int]], keys: Any) -> Iterator[dict[str, Any]]:
    """One for each loop but the yardstick."""
    found = best(loops, keys, np.random.default_rng(3))
    yardstick = found.pop("bare")[0]
    for loop, (ours, spread) in found.items():
        yield row(f"{name} {loop}", "cycles", ours, yardstick, spread)


def row(name: str, unit: str, ours: float, yardstick: float | None = None, spread: float = 0) -> dict[str, Any]:
    """As all measurements print them."""
    ratio = round(ours / yardstick, 3) if yardstick else None
    beside = round(yardstick, 2) if yardstick else None
    return {
        "name": name,
        "unit": unit,
        "ours": round(ours, 2),
        "yardstick": beside,
        "ratio": ratio,
        "spread": round(spread, 3),
    }


def per_second(change: Callable[..., None], calls: Sequence[tuple[int, ...]]) -> float:
    """Calls a second."""
    start = time.perf_counter()
    for arguments in calls:
        change(*arguments)
    return len(calls) / (time.perf_counter() - start)


def changes(name: str, table: Prefix32 | Prefix128, rules: Sequence[tuple[int, ...]]) -> Iterator[dict[str, Any]]:
    """Deletes and inserts rules (key …, length, value), one call each."""
    yield row(f"{name} delete", "/s", per_second(table.delete, [rule[:-1] for rule in rules]))
    yield row(f"{name} insert", "/s", per_second(table.insert, rules))


def measure32(routes: int, keys: int) -> Iterator[dict[str, Any]]:
    """The 32-bit prefix table."""
    chance, name = np.random.default_rng(1), f"ipv4 {routes}"
    drawn = prefixes.ipv4(routes, chance)
    table = Prefix32(immediately)
    start = time.perf_counter()
    shown = (drawn.highs >> np.uint64(32)).astype("i8")
    table.load(shown, drawn.lengths, drawn.values)
    yield row(f"{name} load", "/s", len(drawn) / (time.perf_counter() - start))
    loops = [("alone", alone32), ("chained", chained32), ("burst", burst32)]
    wanted = destinations(drawn, keys, chance)
    yield from rows(name, [(loop, call, table.address) for loop, call in loops], wanted)
    columns = (shown[:CHANGES], drawn.lengths[:CHANGES], drawn.values[:CHANGES])
    yield from changes(name, table, list(zip(*(column.tolist() for column in columns), strict=True)))
    table.close()


def measure128(
    kind: Callable[[int, np.random.Generator], Prefixes], routes: int, keys: int
) -> Iterator[dict[str, Any]]:
    """The 128-bit prefix table, and a hash map of the same keys."""
    chance, name = np.random.default_rng(1), f"ipv6 {kind.__name__} {routes}"
    drawn = kind(routes, chance)
    table = Prefix128(immediately)
    start = time.perf_counter()
    table.load(drawn.highs, drawn.lows, drawn.lengths, drawn.values)
    yield row(f"{name} load", "/s", len(drawn) / (time.perf_counter() - start))
    loops = [("alone", alone128), ("chained", chained128), ("burst", burst128)]
    wanted = destinations(drawn, keys, chance)
    yield from rows(name, [(loop, call, table.address) for loop, call in loops], wanted)
    picked = chance.permutation(len(drawn))[:CHANGES]
    columns = (drawn.highs, drawn.lows, drawn.lengths, drawn.values)
    yield from changes(name, table, list(zip(*(column[picked].tolist() for column in columns), strict=True)))
    table.close()


def measure_exact(keys: int) -> Iterator[dict[str, Any]]:
    """The hash map."""
    chance = np.random.default_rng(1)
    wanted = chance.integers(0, 1 << 63, (keys, 2), dtype="u8")
    table = HashMap(immediately, keys)
    rules = [(high, low, 1 + low % 200) for high, low in wanted.tolist()]
    yield row(f"exact {keys} insert", "/s", per_second(table.insert, rules))
    yield from rows(f"exact {keys}", [("alone", alone_exact, table.address)], wanted)
    yield row(f"exact {keys} delete", "/s", per_second(table.delete, [rule[:-1] for rule in rules]))
    table.close()


def measure() -> Iterator[dict[str, Any]]:
    """All of them."""
    for routes, keys in ((10_000, 4096), (1_000_000, 65_536)):
        yield from measure32(routes, keys)
    for kind in (prefixes.scattered, prefixes.registered, prefixes.hosts):
        for routes, keys in ((10_000, 4096), (200_000, 65_536)):
            yield from measure128(kind, routes, keys)
    for keys in (4096, 65_536):
        yield from measure_exact(keys)


def main() -> None:
    """Prints rows as they come, or all of them as JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    if arguments.parse_args().json:
        print(json.dumps({"rows": list(measure())}))
        return
    for found in measure():
        beside = f"a bare load {found['yardstick']:6.1f}  ratio {found['ratio']:5.2f}" if found["yardstick"] else ""
        print(f"{found['name']:32}{found['ours']:12,.1f} {found['unit']:8}{beside}", flush=True)


if __name__ == "__main__":
    main()
