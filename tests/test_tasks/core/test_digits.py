"""Digit arithmetic against Python integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import digits as dg

numbers = st.integers(0, 12).flatmap(lambda k: st.integers(0, 10 ** (5 * k + 1)))
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20)


@given(st.lists(numbers, min_size=1, max_size=20))
def test_integers_round_trip(values: list[int]) -> None:
    assert dg.to_strings(dg.from_ints(values)) == [str(value) for value in values]


@given(pairs)
def test_sums_are_those_of_python(values: list[tuple[int, int]]) -> None:
    a, b = (dg.from_ints(list(side)) for side in zip(*values, strict=True))
    total = dg.add(a, b)
    assert dg.to_strings(total) == [str(x + y) for x, y in values]
    assert (total.values[~total.filled] == 0).all()


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(0, 30))
def test_padding_adds_leading_zeros(values: list[int], width: int) -> None:
    padded = dg.pad(dg.from_ints(values), np.full(len(values), width))
    assert dg.to_strings(padded) == [str(value).zfill(width) for value in values]


@given(st.lists(numbers, min_size=1, max_size=20))
def test_reversing_is_within_each_row(values: list[int]) -> None:
    rows = dg.characters(dg.from_ints(values))
    assert rows.to_strings() == [str(value)[::-1] for value in values]
    assert dg.reverse(rows).to_strings() == [str(value) for value in values]


@given(st.lists(numbers, min_size=1, max_size=20))
def test_halves_keep_the_digits_of_the_whole(values: list[int]) -> None:
    whole = dg.from_ints(values)
    assert dg.to_strings(dg.half(whole)) == [str(value // 2).zfill(len(str(value))) for value in values]


@given(pairs)
def test_numbers_compare_up_to_each_place_as_those_of_python_do(values: list[tuple[int, int]]) -> None:
    a, b = (dg.from_ints(list(side)) for side in zip(*values, strict=True))
    found = dg.running_comparison(a, b)
    assert (found.values[~found.filled] == 0).all()
    for row, (x, y) in enumerate(values):
        tails = [(x % 10**k, y % 10**k) for k in range(1, max(len(str(x)), len(str(y))) + 1)]
        assert found.values[row, : found.lengths[row]].tolist() == [(x < y) + 2 * (x > y) for x, y in tails]


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        dg.from_ints([3, -1])
