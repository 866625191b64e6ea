"""What was sent and what arrived, sampled a hundred times a second, and what follows from it."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from bise.bench.generator.sender import Sender
from bise.bench.generator.sink import Sink

_EVERY_S = 0.01


@dataclass(frozen=True)
class Sample:
    """Totals at a moment."""

    moment: float
    sent: int
    arrived: int


@dataclass(frozen=True)
class Span:
    """What happened between two moments."""

    seconds: float
    sent: int
    arrived: int

    @property
    def rate(self) -> float:
        """Packets a second that arrived."""
        return self.arrived / self.seconds if self.seconds else 0.0

    @property
    def offered(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> int:
        """Packets sent and not arrived; those on their way at either end weigh little."""
        return max(0, self.sent - self.arrived)


class Meter:
    """Samples a sink, and one sender after the other, while the block runs."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._sender: Sender | None = None
        self._sent_before = 0
        self._consistent = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._ended.set()
        self._thread.join()

    @contextmanager
    def follow(self, sender: Sender) -> Iterator[None]:
        """What `sender` sends counts, to the last packet; traffic flows while the block runs."""
        try:
            sender.start()
            self._sender = sender
            yield
        finally:
            with self._consistent:
                sender.stop()
                self._sender, self._sent_before = None, self._sent_before + sender.sent

    def _sample(self) -> None:
        while not self._ended.wait(_EVERY_S):
            with self._consistent:
                self.samples.append(self._totals())

    def now(self) -> Sample:
        """Taken at once, not from the samples."""
        with self._consistent:
            return self._totals()

    def _totals(self) -> Sample:
        sent = self._sent_before + (self._sender.sent if self._sender else 0)
        return Sample(time.monotonic(), sent, self._sink.arrived.packets)

    def pass_time(self, seconds: float) -> Span:
        """Let traffic run, and say what happened meanwhile."""
        before = self.now()
        time.sleep(seconds)
        return between(before, self.now())

    def rates(self, width: int = 1) -> list[tuple[float, float]]:
        """Moments and packets a second arriving, over `width` samples each."""
        return rates(self.samples, width)


def between(first: Sample, last: Sample) -> Span:
    return Span(last.moment - first.moment, last.sent - first.sent, last.arrived - first.arrived)


def rates(samples: Sequence[Sample], width: int = 1) -> list[tuple[float, float]]:
    pairs = zip(samples[::width], samples[width::width], strict=False)
    return [(last.moment, between(first, last).rate) for first, last in pairs]
