"""How modules are dealt out to the processes that compile them."""

from hypothesis import given
from hypothesis import strategies as st

from bise.engine.pipeline import dealt_out

ENTRIES = st.dictionaries(st.text("abc", min_size=1), st.integers(1, 9))


@given(ENTRIES, st.integers(1, 4))
def test_each_module_is_dealt_to_one_process(entries, processes):
    shares = dealt_out(entries, processes)
    assert len(shares) == processes
    assert sorted(module for share in shares for module in share) == sorted(entries)


@given(ENTRIES, st.integers(1, 4))
def test_no_process_has_more_than_another_by_more_than_a_module(entries, processes):
    sums = [sum(entries[module] for module in share) for share in dealt_out(entries, processes)]
    assert max(sums) - min(sums) <= max(entries.values(), default=0)
