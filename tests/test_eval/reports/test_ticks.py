"""Ticks are few, round and within the axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.reports.format import short_number
from eval.reports.ticks import MAX_TICKS, log_ticks, round_ticks


@given(st.floats(1e-3, 1e12))
def test_ticks_are_few_and_within(high: float) -> None:
    ticks = round_ticks(high)
    assert 4 <= len(ticks) <= MAX_TICKS + 1
    assert ticks[0] == 0
    assert ticks[-1] <= high * (1 + 1e-5)


def test_a_logarithmic_axis_has_two_ticks_at_least() -> None:
    assert log_ticks(0.08, 2.5) == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert log_ticks(1e-5, 2.5) == pytest.approx([1e-5, 1e-4, 1e-3, 0.01, 0.1, 1])
    assert log_ticks(3.1, 3.9) == [3.1, 3.9]


def test_short_numbers() -> None:
    assert [short_number(number) for number in (0.05, 100, 1000, 1500, 12_000, 2e6, 448_000)] == [
        *("0.05", "100", "1k", "1500", "12k", "2M", "448k")
    ]
