"""What is retired is freed when every worker has ended the round that it was in, and in order."""

import ctypes

from hypothesis import given
from hypothesis import strategies as st

from bise.engine.epochs import Epochs
from bise.engine.worker import Worker


def workers(count: int) -> tuple[list[Worker], object]:
    room = ctypes.create_string_buffer(Worker.size * count)
    return [Worker(ctypes.addressof(room) + Worker.size * number) for number in range(count)], room


@given(st.integers(1, 3), st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=40))
def test_nothing_is_freed_while_a_worker_may_hold_it(count, steps):
    """A step is a retirement, or the number of a worker that ends a round; naively, each remembers all rounds."""
    made, room = workers(count)
    epochs, freed, retired = Epochs(made), [], []
    for step in steps:
        if step is None:
            number = len(retired)
            retired.append([worker.epoch for worker in made])
            epochs.retire(lambda number=number: freed.append(number))
        else:
            made[step % count].epoch += 1
        waiting = epochs.advance()
        passed = [all(w.epoch > at for w, at in zip(made, then, strict=True)) for then in retired]
        assert freed == [number for number, over in enumerate(passed) if over]
        assert waiting == len(retired) - len(freed)
    epochs.stopped()
    assert freed == list(range(len(retired)))
    del room


def test_without_workers_everything_is_freed_at_once():
    freed = []
    Epochs([]).retire(lambda: freed.append(1))
    assert freed == [1]


def test_what_is_retired_while_freeing_waits_for_its_own_turn():
    (worker,), room = workers(1)
    epochs, freed = Epochs([worker]), []
    epochs.retire(lambda: epochs.retire(lambda: freed.append("second")))
    worker.epoch += 1
    assert epochs.advance() == 1
    assert freed == []
    worker.epoch += 1
    assert epochs.advance() == 0
    assert freed == ["second"]
    del room
