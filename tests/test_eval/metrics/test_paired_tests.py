"""The paired test over seeds: its exact p against every sign written out, Holm against worked values, and what it says."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.paired_tests import (
    HELPS,
    HURTS,
    NEITHER,
    UNTESTED,
    Comparison,
    holm,
    least_p,
    median_coverage,
    seeds_needed,
    sign_flip,
    with_p,
)

DIFFERENCES = st.lists(st.integers(-1000, 1000), min_size=1, max_size=8)
PS = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def by_brute_force(differences: list[int]) -> float:
    """Every way to give the differences signs, one by one."""
    means = [
        abs(statistics.fmean(sign * size for sign, size in zip(signs, differences, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(differences))
    ]
    found = abs(statistics.fmean(differences))
    return sum(mean >= found - 1e-9 for mean in means) / len(means)


@given(DIFFERENCES)
def test_p_is_the_share_of_signs_as_extreme(differences: list[int]) -> None:
    assert sign_flip(differences) == pytest.approx(by_brute_force(differences))


@given(DIFFERENCES)
def test_p_knows_no_sides_and_no_order(differences: list[int]) -> None:
    p = sign_flip(differences)
    assert least_p(len(differences)) <= p <= 1
    assert sign_flip([-difference for difference in differences]) == p
    assert sign_flip(sorted(differences)) == p
    assert sign_flip([3 * difference for difference in differences]) == p


def test_p_of_worked_cases() -> None:
    assert sign_flip([12, 9, 15, 11, 10]) == 1 / 16 == least_p(5)
    assert sign_flip([1, 1, 1, 1, -1]) == 12 / 32  # sums of 3 or 5 on either side: 2 * (5 + 1)
    assert sign_flip([0, 0, 0]) == sign_flip([]) == 1
    assert sign_flip([0, 5, 7]) == 2 / 4  # a seed without a difference tells nothing
    assert sign_flip([7] * 40) == 2.0**-39  # far more ways than could be written out


def test_false_findings_are_no_more_frequent_than_the_level() -> None:
    rng = np.random.default_rng(0)
    ps = [sign_flip(rng.integers(-50, 51, 7).tolist()) for _ in range(2000)]
    for level in (1 / 64, 0.05, 0.25):
        assert np.mean(np.array(ps) <= level) <= level + 3 * math.sqrt(level * (1 - level) / 2000)


def test_holm_of_worked_values() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    # Four tests: 4 * 0.005, 3 * 0.01, 2 * 0.03, and 0.04 held up to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(PS)
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(ps: list[float]) -> None:
    corrected = holm(ps)
    for p, own in zip(ps, corrected, strict=True):
        assert p <= own <= min(1, len(ps) * p) + 1e-12
    by_p = sorted(range(len(ps)), key=lambda at: ps[at])
    assert [corrected[at] for at in by_p] == sorted(corrected)


@given(st.floats(0.001, 0.999), st.integers(1, 10))
def test_seeds_needed_are_just_enough(level: float, tests: int) -> None:
    seeds = seeds_needed(level, tests)
    assert least_p(seeds, tests) <= level < least_p(seeds - 1, tests) or seeds == 1
    assert (seeds_needed(0.05), seeds_needed(0.05, 2)) == (6, 7)


def test_a_level_is_a_share() -> None:
    for level in (0, 1, math.nan):
        with pytest.raises(ValueError, match="level = .*above 0 and below 1"):
            seeds_needed(level)


def test_least_and_most_hold_the_median() -> None:
    rng = np.random.default_rng(1)
    draws = rng.exponential(size=(4000, 5))
    held = np.mean((draws.min(1) <= math.log(2)) & (draws.max(1) >= math.log(2)))
    assert held == pytest.approx(median_coverage(5), abs=0.02)


def test_what_is_said() -> None:
    up, down, none = (5,) * 8, (-5,) * 8, (5, -5) * 4
    better, worse, same, sooner, alone = with_p(
        [
            Comparison("a", "accuracy", up, unit=0.01),
            Comparison("b", "accuracy", down, unit=0.01),
            Comparison("c", "accuracy", none),
            Comparison("a", "examples", down, more_is_better=False),
            Comparison("b", "examples", (3,), more_is_better=False),
        ]
    )
    assert [one.says(0.05) for one in (better, worse, same, sooner, alone)] == [HELPS, HURTS, NEITHER, HELPS, UNTESTED]
    assert (better.mean, worse.mean, alone.mean) == pytest.approx((0.05, -0.05, 3))
    assert better.p == 2.0**-7
    assert better.corrected == 3 * 2.0**-7  # with two other variants
    assert sooner.corrected == sooner.p == 2.0**-7  # alone in its measure
    assert better.says(0.01) == NEITHER
    assert math.isnan(alone.p)
