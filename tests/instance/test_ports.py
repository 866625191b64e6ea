"""How queues are dealt out: each to one worker, and every worker can send by every port, itself or through another."""

from types import SimpleNamespace

import pytest

from bise.control.config import Spread
from bise.control.port_specs import KernelPort as KernelSpec
from bise.engine.crew import PORTS
from bise.engine.writer import HAND_OVER
from bise.instance.ports import PortTable
from bise.ports.errors import PortError
from bise.ports.kernel import KernelPort


def port(number: int, queues: int) -> KernelPort:
    """One without an interface."""
    made = object.__new__(KernelPort)
    made.name, made.number, made.punting = f"p{number}", number, 5
    made.sockets = [SimpleNamespace(address=100 * number + queue, descriptor=queue) for queue in range(queues)]
    words = SimpleNamespace(address=0)
    made.steering = SimpleNamespace(deadlines=words, words=words)
    return made


class Opened:
    """What a port table knows of a port, without any interface."""

    queue_count = 1

    def __init__(self, name: str, number: int, *_) -> None:
        self.name, self.number = name, number


@pytest.fixture
def openable(monkeypatch) -> PortTable:
    monkeypatch.setattr("bise.instance.ports.KernelPort", Opened)
    return PortTable(None, None, 1, None)


def test_a_name_keeps_its_number_whatever_comes_and_goes(openable):
    numbers = [openable.open(KernelSpec(name)).number for name in "abc"]
    gone = [openable.forget("a"), openable.forget("b")]
    assert openable.is_leaving("a")
    assert openable.open(KernelSpec("d")).number not in numbers
    for one in gone:
        openable.closed(one)
    assert not openable.is_leaving("a")
    assert [openable.open(KernelSpec(name)).number for name in "ba"] == [numbers[1], numbers[0]]


def test_there_are_no_more_numbers_than_workers_count_by(openable):
    for number in range(PORTS):
        openable.open(KernelSpec(f"p{number}"))
    with pytest.raises(PortError, match=f"no more than {PORTS} ports"):
        openable.open(KernelSpec("one more"))


def table(workers: int, queues: list[int], spread: Spread = Spread.AUTO) -> PortTable:
    made = PortTable(None, None, workers, None, spread)
    made.open_ports = {f"p{number}": port(number, count) for number, count in enumerate(queues)}
    return made


@pytest.mark.parametrize("spread", list(Spread))
@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("queues", [[1, 1, 1], [2, 1], [3, 4, 8], [1, 2, 3, 5, 7]])
def test_each_queue_has_a_worker_and_each_worker_a_way_out(workers, queues, spread):
    duties = table(workers, queues, spread).duties()
    received = [queue.driver for duty in duties for queue in duty.queues]
    assert sorted(received) == [100 * number + queue for number, count in enumerate(queues) for queue in range(count)]
    for worker, duty in enumerate(duties):
        assert [lane.port for lane in duty.lanes] == list(range(len(queues)))
        own = {queue.driver for queue in duty.queues}
        for lane in duty.lanes:
            if lane.owner is None:
                assert lane.driver in own
            else:
                assert lane.owner != worker
                owners = duties[lane.owner]
                assert any(queue.port == lane.port for queue in owners.queues)
                assert next(one for one in owners.lanes if one.port == lane.port).owner is None


def test_ports_of_one_queue_begin_with_different_workers():
    duties = table(2, [1, 1, 1, 1]).duties()
    assert [len(duty.queues) for duty in duties] == [2, 2]


@pytest.mark.parametrize(
    ("workers", "queues", "spread", "flags", "hands_over"),
    [
        (2, [2, 4], Spread.AUTO, [False, False], False),
        (2, [2, 1], Spread.AUTO, [False, True], True),
        (2, [2, 4], Spread.ALWAYS, [True, True], True),
        (2, [2, 1], Spread.NEVER, [False, False], True),
        (1, [1, 1], Spread.AUTO, [False, False], False),
        (1, [1, 1], Spread.ALWAYS, [False, False], False),
    ],
)
def test_what_is_spread_is_decided_before_any_packet_comes(workers, queues, spread, flags, hands_over):
    made = table(workers, queues, spread)
    assert [made.is_spread(one) for one in made.open_ports.values()] == flags
    assert {queue.spread for duty in made.duties() for queue in duty.queues} == set(flags)
    assert (HAND_OVER in made.drivers()) == hands_over
