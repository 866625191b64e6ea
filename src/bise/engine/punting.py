"""Punting: handing a packet to Linux as if received on its port, within a budget for each class.

What Bise takes from a kernel-owned port and can't afford to punt one by one, Linux gets by itself: past the budget the
worker moves the port's `overload` word ahead, and the steering program leaves the port's traffic to the kernel until
then. What is in hand is still punted, so nothing is lost. A port of Bise's own has no kernel behind it: there the
packet is dropped and counted.
"""

from bise.engine.worker import Queue
from bise.hot import Header, hot, le64, load64, store64
from bise.ports.punt import punt as write_to_kernel

DATA_INTERVAL_NS = 1_000_000_000 // 50_000  # the data class may punt 50,000 packets a second
URGENT_INTERVAL_NS = 1_000_000_000 // 100_000
ALLOWANCE_NS = 20_000_000  # how far a burst may run ahead of the budget: 1000 packets of the data class
OVERLOAD_NS = 100_000_000  # how long the kernel keeps a port's traffic once the budget is spent


class Punting(Header):
    """A worker's budgets and what became of what it punted. Written by the worker alone."""

    data_due = le64()  # ns: when the data class's budget is even (virtual scheduling, ITU-T I.371)
    urgent_due = le64()
    delivered = le64()  # packets that Linux took
    failed = le64()  # packets that the kernel refused: dropped
    over_budget = le64()  # packets of Bise's own ports dropped because the budget was spent
    overloads = le64()  # times that a port's traffic was left to the kernel


@hot
def _within_budget(punting, now, urgent):
    """Takes one packet from its class's budget; False when that is spent."""
    if urgent:
        due = max(punting.urgent_due, now)
        punting.urgent_due = min(due, now + ALLOWANCE_NS) + URGENT_INTERVAL_NS
    else:
        due = max(punting.data_due, now)
        punting.data_due = min(due, now + ALLOWANCE_NS) + DATA_INTERVAL_NS
    return due < now + ALLOWANCE_NS


@hot
def punt(punting_address, queue_address, now, urgent, data, length, total):
    """Gives the packet at `data` to Linux. Takes values, not the notes: those stay in registers."""
    punting, queue = Punting(punting_address), Queue(queue_address)
    if not _within_budget(punting, now, urgent):
        if queue.overload == 0:
            punting.over_budget += 1
            return
        if load64(queue.overload) < now:
            punting.overloads += 1
        store64(queue.overload, now + OVERLOAD_NS)
    if length == total and write_to_kernel(queue.punting, data, length):
        punting.delivered += 1
        queue.punted += 1
    else:
        punting.failed += 1
