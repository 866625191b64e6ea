"""A question to a table and its answer: look-ups that are made together are arrays of these."""

from bise.hot import Header, le64


class Question(Header):
    """A key of 128 bits in two halves, or of 32 bits in the first, and what its table notes on the way to the value.

    `table` is the address of the table's root; 0: nobody has put this question.
    """

    high = le64()
    low = le64()
    table = le64()
    answer = le64()
