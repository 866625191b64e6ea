"""Bob Jenkins's lookup3 (2006) of two 32-bit words, as Linux's jhash_2words computes it (linux/jhash.h)."""

from bise.hot import hot

_BEGIN = 0xDEADBEEF + (2 << 2)
_MASK = 0xFFFFFFFF


@hot
def jenkins2(a, b):
    """32 bits of two numbers of 32 bits."""
    a, b, c = (a + _BEGIN) & _MASK, (b + _BEGIN) & _MASK, _BEGIN
    c = _mixed(c, b, 14)
    a = _mixed(a, c, 11)
    b = _mixed(b, a, 25)
    c = _mixed(c, b, 16)
    a = _mixed(a, c, 4)
    b = _mixed(b, a, 14)
    return _mixed(c, b, 24)


@hot
def _mixed(word, other, bits):
    return ((word ^ other) - (other << bits & _MASK | other >> (32 - bits))) & _MASK
