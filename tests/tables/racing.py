"""A compiled reader in a thread of its own, looking up without end while the test writes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from bise.hot import Header, Region, entry, hot, le64, load64, load_acquire, nth, store_release
from bise.tables.full import TableFull
from bise.tables.hashmap import look_up_exact
from bise.tables.prefix32 import ask32, found32, look_up32, seek32
from bise.tables.prefix128 import look_up128
from bise.tables.question import Question

SECONDS, ENOUGH = 0.5, 10
ROW = 32
QUESTIONS = 1 << 15  # of a burst, behind the board


class Board(Header):
    """What reader and writer tell each other; `keys` is the address of rows of high, low and two allowed answers."""

    stop = le64()
    epoch = le64()
    wrong = le64()
    seen = le64()
    table = le64()
    keys = le64()
    count = le64()


@hot
def _judge(board, row, answer):
    if answer != load64(row + 16) and answer != load64(row + 24):
        board.wrong += 1
    if answer == load64(row + 24):
        board.seen += 1


@entry(1)
def read32(address):
    """Answers for 32-bit keys (in the low half)."""
    board = Board(address)
    while load_acquire(address) == 0:
        for number in range(board.count):
            row = board.keys + number * ROW
            _judge(board, row, look_up32(board.table, load64(row + 8)))
        store_release(address + 8, board.epoch + 1)
    return 0


@entry(1)
def read_burst32(address):
    """Answers for 32-bit keys, all of them sought before the first is found."""
    board = Board(address)
    questions = address + QUESTIONS
    while load_acquire(address) == 0:
        for number in range(board.count):
            ask32(board.table, nth(Question, questions, number), load64(board.keys + number * ROW + 8))
        seek32(board.table, questions, board.count)
        for number in range(board.count):
            question, row = nth(Question, questions, number), board.keys + number * ROW
            _judge(board, row, found32(board.table, question, question.high))
        store_release(address + 8, board.epoch + 1)
    return 0


@entry(1)
def read128(address):
    """Answers for prefixes of 128-bit keys."""
    board = Board(address)
    while load_acquire(address) == 0:
        for number in range(board.count):
            row = board.keys + number * ROW
            _judge(board, row, look_up128(board.table, load64(row), load64(row + 8)))
        store_release(address + 8, board.epoch + 1)
    return 0


@entry(1)
def read_exact(address):
    """Answers for 128-bit keys."""
    board = Board(address)
    while load_acquire(address) == 0:
        for number in range(board.count):
            row = board.keys + number * ROW
            _judge(board, row, look_up_exact(board.table, load64(row), load64(row + 8)))
        store_release(address + 8, board.epoch + 1)
    return 0


class Race:
    """Its `retire` waits for the reader as the workers' epochs do. `board.wrong` counts the reader's wrong answers."""

    def __init__(self) -> None:
        self.region = Region(1 << 16)
        self.board = Board(self.region.address)
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def retire(self, reuse: Callable[[], None]) -> None:
        self._waiting.append((self.board.epoch, reuse))

    def advance(self) -> None:
        now = self.board.epoch
        while self._waiting and self._waiting[0][0] < now:
            self._waiting.pop(0)[1]()

    def write(self, change: Callable[[], None]) -> None:
        """Tries until what waits for the reader has made room."""
        while True:
            self.advance()
            try:
                return change()
            except TableFull:
                assert self._waiting

    @contextmanager
    def reading(
        self, reader: Callable[[int], int], table: int, rows: list[tuple[int, int, int, int]]
    ) -> Iterator[None]:
        """The reader asks for the keys of `rows`; nothing but one of their two answers is right."""
        keys = self.region.array("<i8", 4096, 4 * len(rows))
        keys[:] = np.array(rows, dtype="<i8").ravel()
        self.board.table, self.board.keys, self.board.count = table, self.region.address + 4096, len(rows)
        thread = threading.Thread(target=reader, args=(self.board.address,))
        thread.start()
        try:
            yield
        finally:
            self.board.stop = 1
            thread.join()

    def steps(self) -> Iterator[int]:
        """Counts until SECONDS are over and the reader has met what the writer does."""
        end, step = time.monotonic() + SECONDS, 0
        while time.monotonic() < end or self.board.seen < ENOUGH:
            yield step
            step += 1
