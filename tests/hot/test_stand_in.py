"""A Python function answers for a C symbol that no library brings, in every mode."""

from bise.hot import entry, external, hot, stand_in

_told: list[tuple[int, int]] = []
_outside = external("bise_tests_have_no_such_symbol", "i64", ("i64", "i64"))
_silent = external("bise_tests_have_no_other_symbol", "void", ("i64",))


@hot
def ask(a, b):
    _silent(a)
    return _outside(a, b) + 1


@entry(2, cached=False)
def asked(a, b):
    return ask(a, b)


def test_hot_code_calls_what_stands_in() -> None:
    def answer(a: int, b: int) -> int:
        _told.append((a, b))
        return a * b

    stand_in("bise_tests_have_no_such_symbol", "i64", ("i64", "i64"), answer)
    stand_in("bise_tests_have_no_other_symbol", "void", ("i64",), lambda a: _told.append((a, a)))
    assert asked(6, -7) == -41
    assert _told == [(6, 6), (6, -7)]


def test_another_one_takes_its_place_for_code_that_is_loaded() -> None:
    for answer in (40, 50):
        stand_in("bise_tests_have_no_such_symbol", "i64", ("i64", "i64"), lambda a, b, answer=answer: answer)
        stand_in("bise_tests_have_no_other_symbol", "void", ("i64",), lambda a: None)
        assert asked(6, -7) == answer + 1
