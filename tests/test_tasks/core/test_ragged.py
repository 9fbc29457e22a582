import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.ragged import Ragged, join, spaced, stack, where

texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)


@given(st.lists(texts, min_size=1, max_size=20))
def test_strings_round_trip(rows: list[str]) -> None:
    assert Ragged.from_strings(rows).to_strings() == rows


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=20))
def test_join_is_concatenation_row_by_row(rows: list[tuple[str, str]]) -> None:
    left, right = (Ragged.from_strings(list(side)) for side in zip(*rows, strict=True))
    joined = join([left, "+", right, "="], len(rows))
    assert joined.to_strings() == [f"{a}+{b}=" for a, b in rows]
    assert (joined.values[~joined.filled] == 0).all()


@given(st.lists(texts, min_size=1, max_size=8), st.lists(texts, min_size=1, max_size=8))
def test_stack_puts_one_batch_below_the_other(above: list[str], below: list[str]) -> None:
    assert stack([Ragged.from_strings(above), Ragged.from_strings(below)]).to_strings() == above + below


def test_rows_are_chosen_and_replaced() -> None:
    rows = Ragged.from_strings(["abc", "d", "efgh"])
    assert rows[np.array([1, 0])].to_strings() == ["d", "abc"]
    assert rows[np.array([1])].values.shape == (1, 1)
    assert rows.replaced(np.array([0]), Ragged.from_strings(["xyz"])).to_strings() == ["xyz", "d", "efgh"]
    assert rows.to_strings() == ["abc", "d", "efgh"]


@given(st.lists(texts, min_size=1, max_size=20))
def test_a_mark_stands_between_characters(rows: list[str]) -> None:
    found = spaced(Ragged.from_strings(rows), ",")
    assert found.to_strings() == [",".join(row) for row in rows]
    assert (found.values[~found.filled] == 0).all()


@given(st.lists(st.tuples(st.booleans(), texts, texts), min_size=1, max_size=20))
def test_rows_of_the_one_or_the_other(rows: list[tuple[bool, str, str]]) -> None:
    condition, ones, others = (list(column) for column in zip(*rows, strict=True))
    found = where(np.array(condition), Ragged.from_strings(ones), Ragged.from_strings(others))
    assert found.to_strings() == [one if holds else other for holds, one, other in rows]
    assert (found.values[~found.filled] == 0).all()
