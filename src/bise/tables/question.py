"""A question to a table and its answer: look-ups that are made together are lists of these."""

from bise.hot import Header, le64


class Question(Header):
    """A key of 128 bits in two halves. `answer` is what the table says, 0: nothing.

    Prefixes of 32 bits: the key is `high`, and `answer` the address of the entry to be read.
    """

    high = le64()
    low = le64()
    answer = le64()
