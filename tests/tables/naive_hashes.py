"""Hashes of octets, written as their authors wrote them: the slow twins of tables/."""

_FINAL = (("c", "b", 14), ("a", "c", 11), ("b", "a", 25), ("c", "b", 16), ("a", "c", 4), ("b", "a", 14), ("c", "b", 24))


def siphash(octets: bytes, low: int, high: int) -> int:
    """SipHash-2-4 as the paper defines it (2.2 to 2.4), on numbers without bounds."""
    v = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573]
    padded = octets + bytes(7 - len(octets) % 8) + bytes([len(octets) % 256])
    for place in range(0, len(padded), 8):
        word = int.from_bytes(padded[place : place + 8], "little")
        v[3] ^= word
        for _ in range(2):
            _sip_round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        _sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _sip_round(v: list[int]) -> None:
    for left, right, turn, swap in ((0, 1, 13, True), (2, 3, 16, False), (0, 3, 21, False), (2, 1, 17, True)):
        v[left] = (v[left] + v[right]) % 2**64
        v[right] = _turned(v[right], turn, 64) ^ v[left]
        if swap:
            v[left] = _turned(v[left], 32, 64)


def _turned(word: int, bits: int, width: int) -> int:
    return (word << bits | word >> (width - bits)) % 2**width


def jenkins2(a: int, b: int) -> int:
    """lookup3.c's hashword of two words: `final` after both were added to the beginnings."""
    begin = 0xDEADBEEF + (2 << 2)
    words = {"a": (begin + a) % 2**32, "b": (begin + b) % 2**32, "c": begin}
    for word, other, bits in _FINAL:
        words[word] = ((words[word] ^ words[other]) - _turned(words[other], bits, 32)) % 2**32
    return words["c"]
