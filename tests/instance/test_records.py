"""What users' nodes remember: a record a worker, kept while its layout stays the same."""

from bise.hot import Header, be32, le32, le64, u8
from bise.instance.records import Records, differences, same_layout


class Counts(Header):
    seen = le64()
    port = le32()


class SameCounts(Header):
    seen = le64()
    port = le32()


class SwappedCounts(Header):
    port = le32()
    seen = le64()


class OtherOrder(Header):
    seen = le64()
    port = be32()


class MoreCounts(Header):
    seen = le64()
    port = le32()
    more = u8()


def test_a_layout_is_names_widths_and_order():
    assert same_layout(Counts, SameCounts)
    assert not any(same_layout(Counts, other) for other in (SwappedCounts, OtherOrder, MoreCounts))


def test_each_worker_has_a_record_of_its_own_on_lines_of_its_own():
    records = Records(Counts, 3)
    for number, address in enumerate(records.addresses):
        assert address % 64 == 0
        Counts(address).seen = number
    assert records.values("seen") == [0, 1, 2]
    assert len({address // 64 for address in records.addresses}) == 3
    records.close()


def test_the_same_memory_under_a_class_of_the_same_layout():
    records = Records(Counts, 2)
    Counts(records.addresses[1]).seen = 7
    assert records.under(SameCounts).values("seen") == [0, 7]
    records.close()


def test_what_a_file_fills_in_is_shown_first_and_written_then():
    """A worker goes on counting meanwhile: only what the file changed is written."""
    records = Records(Counts, 2)

    def fill(state):
        state.port = 5 if state.seen == 0 else 6

    Counts(records.addresses[1]).seen = 1
    writes = list(differences(records, fill))
    assert records.values("port") == [0, 0]
    Counts(records.addresses[0]).seen = 99
    for write in writes:
        write()
    assert records.values("port") == [5, 6]
    assert records.values("seen") == [99, 1]
    assert list(differences(records, lambda state: None)) == []
    records.close()
