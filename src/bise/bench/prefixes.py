"""Sets of prefixes to measure with, and keys that they hold, drawn from a seed so that runs can be compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np

REGISTRIES = (0x2001, 0x2400, 0x2600, 0x2800, 0x2A00, 0x2C00)


@dataclass(frozen=True)
class Prefixes:
    """Prefixes of 128 bits in two halves (those of 32 bits stand at the top) and their lengths; values follow them."""

    highs: Any
    lows: Any
    lengths: Any
    values: Any

    def __len__(self) -> int:
        return len(self.highs)


def _cut(chance: np.random.Generator, highs: Any, lengths: Any, lows: Any = None) -> Prefixes:
    lengths = np.asarray(lengths)
    masks = ~np.uint64(0) << (64 - np.minimum(lengths, 64)).astype("u8")
    rows = np.stack([highs & masks, np.zeros_like(highs) if lows is None else lows, lengths.astype("u8")], axis=1)
    highs, lows, lengths = np.unique(rows, axis=0).T
    return Prefixes(highs, lows, lengths.astype("i8"), chance.integers(1, 200, len(highs)))


def ipv4(count: int, chance: np.random.Generator) -> Prefixes:
    """Unicast prefixes anywhere, of the lengths of the Internet's table."""
    lengths = chance.choice([24] * 60 + [23] * 10 + [22] * 12 + [21] * 5 + [20] * 6 + [19] * 4 + [16] * 3, count)
    return _cut(chance, chance.integers(1 << 56, 224 << 56, count, dtype="u8"), lengths)


def scattered(count: int, chance: np.random.Generator) -> Prefixes:
    """IPv6 prefixes anywhere in 2000::/3: hardly two of them have much in common."""
    lengths = chance.choice([32, 36, 40, 44, 48, 48, 48, 56, 64], count)
    return _cut(chance, chance.integers(0x2000 << 48, 0x4000 << 48, count, dtype="u8"), lengths)


def registered(count: int, chance: np.random.Generator) -> Prefixes:
    """As the Internet's IPv6 table: one in six an allocation of /29 or /32, the others inside of some of these."""
    allocations = count // 6
    steps = chance.integers(0, 1 << 17, allocations, dtype="u8") << np.uint64(35)
    owners = (chance.choice(np.array(REGISTRIES, "u8"), allocations) << np.uint64(48)) + steps
    share = chance.pareto(1.1, allocations) + 0.05
    parents = owners[chance.choice(allocations, count - allocations, p=share / share.sum())]
    inside = parents | chance.integers(0, 1 << 32, count - allocations, dtype="u8")
    common = [48] * 55 + [44] * 12 + [40] * 11 + [36] * 8 + [33, 34, 42, 46] * 3 + [64] * 2
    lengths = [chance.choice([29, 32, 32, 32], allocations), chance.choice(common, count - allocations)]
    return _cut(chance, np.concatenate([owners, inside]), np.concatenate(lengths))


def hosts(count: int, chance: np.random.Generator) -> Prefixes:
    """One /128 after the other."""
    return _cut(chance, np.full(count, 0x20010002 << 32, "u8"), np.full(count, 128), np.arange(count, dtype="u8"))


def destinations(prefixes: Prefixes, count: int, chance: np.random.Generator) -> Any:
    """Keys inside of prefixes that are drawn evenly: rows of two halves."""
    drawn = chance.choice(len(prefixes), count)
    lengths = prefixes.lengths[drawn]
    behind = chance.integers(0, 1 << 63, (2, count), dtype="u8") << np.uint64(1)
    highs = np.where(lengths < 64, behind[0] >> np.minimum(lengths, 63).astype("u8"), 0).astype("u8")
    lows = np.where(lengths <= 64, behind[1], prefixes.lows[drawn])
    return np.stack([prefixes.highs[drawn] | highs, lows], axis=1)
