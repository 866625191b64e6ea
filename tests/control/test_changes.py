"""Changes between two states, and what a tracked dictionary remembers of its own."""

from hypothesis import given
from hypothesis import strategies as st

from bise.control.changes import Added, Changed, Removed, Tracked, changes

states = st.dictionaries(st.integers(0, 9), st.integers(0, 3))


def applied(before, found):
    """The naive way from the changes to the state; the values name their keys."""
    after = dict(before)
    for one in found:
        match one:
            case Added(new) | Changed(_, new):
                after[new[0]] = new
            case Removed(old):
                del after[old[0]]
    return after


def keyed(state):
    return {key: (key, value) for key, value in state.items()}


@given(states, states)
def test_changes_lead_from_one_state_to_the_other(before, after):
    before, after = keyed(before), keyed(after)
    found = list(changes(before, after))
    assert applied(before, found) == after
    assert len(found) == sum(before.get(key) != after.get(key) for key in {**before, **after})


@given(states, st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 3))), st.integers(1, 5))
def test_a_tracked_dictionary_tells_each_change_once_and_whole(before, writes, most):
    tracked = Tracked()
    tracked.fill(keyed(before))
    assert {one.new for one in tracked.take(100)} == set(keyed(before).values())
    for key, value in writes:
        tracked.set(key, None if value is None else (key, value))
    found = []
    while tracked.touched:
        found += tracked.take(most)
    assert applied(keyed(before), found) == tracked.values
    assert sorted(map(repr, found)) == sorted(map(repr, changes(keyed(before), tracked.values)))
