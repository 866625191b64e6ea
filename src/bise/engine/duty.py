"""What the daemon asks of each worker: queues to receive from, lanes to send by; values that are published whole."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Spreading:
    """How a queue's packets go to all workers: by worker, the address of the ring to it (0: the receiver itself), and a
    worker's number for each of the `shares`."""

    rings: tuple[int, ...]
    shares: bytes
    own: int


@dataclass(frozen=True)
class ReceiveQueue:
    """A receive queue as the daemon describes it; addresses of what its driver and its steering program made.

    `descriptor` -1: none to sleep on. `deadline` and `overload` 0: the port has no kernel behind it. `punting`: what
    punted packets are written to. `straight`: not 0 where what comes is Linux's and leaves by that port less one.
    `spread`: its packets are to go to all workers, each flow to one; the crew finds out how.
    """

    port: int
    kind: int
    driver: int
    deadline: int
    overload: int
    descriptor: int
    punting: int
    straight: int = 0
    spread: bool = False
    spreading: Spreading | None = None


@dataclass(frozen=True)
class TransmitLane:
    """Where a worker sends what leaves by a port. `owner`: the number of the worker that sends in its place, as this
    one has no queue there; kind and driver are then the crew's to find."""

    port: int
    kind: int
    driver: int
    owner: int | None = None


@dataclass(frozen=True)
class Duty:
    """What one worker does: its queues and the lanes to every port. `together`: whether it hands packets to others, or
    they to it, or to each other; found by the crew."""

    queues: tuple[ReceiveQueue, ...]
    lanes: tuple[TransmitLane, ...]
    together: bool = False
