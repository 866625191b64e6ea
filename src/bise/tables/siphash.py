"""SipHash-2-4 (Aumasson, Bernstein 2012) of whole 64-bit words: a hash that nobody without the key can foretell."""

from bise.hot import add64, hot, load64, shift_left64, shift_right64

_SOMEPSEU, _DORANDOM = 0x736F6D6570736575, 0x646F72616E646F6D
_LYGENERA, _TEDBYTES = 0x6C7967656E657261, 0x7465646279746573


@hot
def siphash(address, words, low, high):
    """The hash of `words` 64-bit words, in the machine's order, at `address`; `low` and `high` are the key's halves."""
    a, b, c, d = low ^ _SOMEPSEU, high ^ _DORANDOM, low ^ _LYGENERA, high ^ _TEDBYTES
    for number in range(words):
        word = load64(address + 8 * number)
        a, b, c, d = _two_rounds(a, b, c, d ^ word)
        a ^= word
    length = shift_left64(words, 56 + 3)
    a, b, c, d = _two_rounds(a, b, c, d ^ length)
    a, b, c, d = _two_rounds(a ^ length, b, c ^ 0xFF, d)
    a, b, c, d = _two_rounds(a, b, c, d)
    return a ^ b ^ c ^ d


@hot
def _two_rounds(a, b, c, d):
    a, b, c, d = _round(a, b, c, d)
    return _round(a, b, c, d)


@hot
def _round(a, b, c, d):
    a = add64(a, b)
    c = add64(c, d)
    b = _rotate(b, 13) ^ a
    d = _rotate(d, 16) ^ c
    a = add64(_rotate(a, 32), d)
    c = add64(c, b)
    d = _rotate(d, 21) ^ a
    b = _rotate(b, 17) ^ c
    return a, b, _rotate(c, 32), d


@hot
def _rotate(word, bits):
    return shift_left64(word, bits) | shift_right64(word, 64 - bits)
