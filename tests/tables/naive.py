"""The slow obvious twins of the tables."""


class Prefixes:
    """Longest prefix match by asking every rule; keys of `bits`."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.rules: dict[tuple[int, int], int] = {}

    def holds(self, prefix: int, length: int, key: int) -> bool:
        return (prefix ^ key) >> (self.bits - length) == 0

    def look_up(self, key: int) -> int:
        found = [(length, value) for (prefix, length), value in self.rules.items() if self.holds(prefix, length, key)]
        return max(found, default=(0, 0))[1]

    def edges(self) -> set[int]:
        """The keys where the answer may change: first and last of each rule, and their neighbours."""
        keys = {0, (1 << self.bits) - 1}
        for prefix, length in self.rules:
            last = prefix | ((1 << (self.bits - length)) - 1)
            keys |= {prefix - 1, prefix, last, last + 1}
        return {key for key in keys if 0 <= key < 1 << self.bits}


def cut(key: int, length: int, bits: int) -> int:
    """The first `length` of the `bits` of a key."""
    return key >> (bits - length) << (bits - length)
