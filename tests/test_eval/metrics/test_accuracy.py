"""Intervals are those of Wilson."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.accuracy import wilson


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(200, 200, 0.98116, 1), (0, 10, 0, 0.27753), (45, 50, 0.78640, 0.95652), (0, 0, 0, 1)]
)
def test_wilson_intervals_are_those_of_the_literature(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_bounds_solve_the_score_equation(counts: tuple[int, int]) -> None:
    right, n = counts
    for bound in wilson(right, n):
        if 0 < bound < 1:
            assert abs(right / n - bound) / math.sqrt(bound * (1 - bound) / n) == pytest.approx(1.959964, rel=1e-6)


def test_more_right_answers_than_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="right = 3"):
        wilson(3, 2)
