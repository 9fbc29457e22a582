"""Paired tests: of two solvers over problems (McNemar), and of a change to a recipe over seeds (sign flips).

    paired(a.rows, b.rows)              both 981   only_a 12   only_b 3   neither 4   p 0.035
    sign_flip([12, 9, 15, 11, 10])      0.0625, which is 1/16: the least that five seeds can give
    holm([0.01, 0.04, 0.03])            [0.03, 0.06, 0.06]

Two solvers that are asked the same problems differ only in the problems that one got right and the other did not.

Problems asked of one trained model are no independent draws of its recipe. So recipes are compared over seeds: each seed with
the change and without it. If the change had no effect, each difference would as likely have the other sign (Fisher 1935).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

KEYS = ["task", "suite", "digits"]
HELPS, HURTS, NEITHER, UNTESTED = "helps", "hurts", "no difference shown", "not tested"


def side_by_side(summaries: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the accuracies of several solvers beside each other.

    Args:
        summaries: The summary of each solver by its name, as `eval.metrics.accuracy.by_length` returns it.

    Returns:
        A row for each task, suite and size: KEYS, the accuracy of each solver by name, and `median` over all; nan where a
        solver was not asked this size.
    """
    columns = [summary.set_index(KEYS).accuracy.rename(name) for name, summary in summaries.items()]
    table = pd.concat(columns, axis=1, sort=False)
    table["median"] = table.median(axis=1)
    return table.reset_index()


def paired(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Compare two solvers on the problems that both were asked.

    Args:
        a, b: The rows of two evaluations.

    Returns:
        A row for each task, suite and size: KEYS, n, how many problems both, only_a, only_b and neither got right, and p of
        McNemar's test.
    """
    answered = [rows[rows.outcome != "failed"] for rows in (a, b)]
    keys = [*KEYS, "question"]
    shared = answered[0][[*keys, "outcome"]].merge(answered[1][[*keys, "outcome"]], on=keys, suffixes=("_a", "_b"))
    right_a, right_b = shared.outcome_a == "right", shared.outcome_b == "right"
    counts = shared[KEYS].assign(
        n=1, both=right_a & right_b, only_a=right_a & ~right_b, only_b=~right_a & right_b, neither=~right_a & ~right_b
    )
    table = counts.groupby(KEYS, sort=False).sum().reset_index()
    table["p"] = [mcnemar(*pair) for pair in zip(table.only_a.tolist(), table.only_b.tolist(), strict=True)]
    return table


def mcnemar(only_a: int, only_b: int) -> float:
    """Compute the exact two-sided p of McNemar's test.

    It is the chance of a split at least as uneven, were both solvers equally good.

    Args:
        only_a, only_b: How many problems only the one and only the other solver got right.

    Returns:
        p, from 0 to 1; 1 where nothing tells the two apart.

    Source:
        McNemar 1947, doi 10.1007/BF02295996
    """
    n, least = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, 2 * tail / (1 << n)) if n else 1.0


def sign_flip(differences: Sequence[int]) -> float:
    """Compute the exact two-sided p of the sign-flip test of paired differences.

    There are 2^n ways to give n differences a sign. Without an effect all are equally likely. p is the share of them whose sum
    is at least as far from 0 as the one observed. Ways are counted by their sums, so any number of seeds is fast.

    Args:
        differences: Whole numbers, such as counts of right answers: so equal sums are exactly equal.

    Returns:
        p, from 0 to 1; 1 for no differences.

    Source:
        Fisher 1935, The Design of Experiments
    """
    ways = {0: 1}
    for size in map(abs, differences):
        extended: dict[int, int] = {}
        for total, count in ways.items():
            for end in (total - size, total + size):
                extended[end] = extended.get(end, 0) + count
        ways = extended
    observed = abs(sum(differences))
    return sum(count for total, count in ways.items() if abs(total) >= observed) / (1 << len(differences))


def holm(ps: Sequence[float]) -> list[float]:
    """Correct the p values of several tests, so that the chance of any false positive stays below the level.

    The least p is multiplied by the number of tests, the next by one less, and so on; none falls below a smaller p's.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6
    """
    corrected, least = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        least = max(least, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = least
    return corrected


def least_p(seeds: int, tests: int = 1) -> float:
    """Compute the least corrected p that so many seeds can give: 1/16 for 5 seeds and one test."""
    return min(1.0, tests * 2.0 ** (1 - seeds))


def seeds_needed(level: float, tests: int = 1) -> int:
    """Compute the fewest seeds with which a difference can be shown.

    Raises:
        ValueError: level is not above 0 and below 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: must be above 0 and below 1")
    return next(seeds for seeds in range(1, 2000) if least_p(seeds, tests) <= level)


def median_coverage(seeds: int) -> float:
    """Compute the chance that the median over all possible seeds lies between the least and the most of so many seeds."""
    return 1 - 2.0 ** (1 - seeds)


@dataclass(frozen=True)
class Comparison:
    """One variant compared with the baseline in one measure."""

    variant: str
    measure: str
    differences: tuple[int, ...]
    """Variant minus baseline for each seed that both have, in the order of the seeds."""
    unit: float = 1.0
    """What a difference of 1 means: 1/n for counts of right answers among n problems."""
    more_is_better: bool = True
    p: float = math.nan
    """p of the sign-flip test; nan where there was nothing to test."""
    corrected: float = math.nan
    """The same p, corrected by Holm's method over all variants that were tested in this measure."""

    @property
    def mean(self) -> float:
        """The mean difference; nan where there is none."""
        return self.unit * sum(self.differences) / len(self.differences) if self.differences else math.nan

    def says(self, level: float) -> str:
        """Return HELPS, HURTS or NEITHER at this level of the corrected p; UNTESTED below two seeds."""
        if math.isnan(self.corrected):
            return UNTESTED
        if self.corrected > level:
            return NEITHER
        return HELPS if (sum(self.differences) > 0) == self.more_is_better else HURTS


def with_p(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Fill in p, and the p corrected over all comparisons of one measure. Comparisons of fewer than two seeds get none."""
    ps = {index: sign_flip(one.differences) for index, one in enumerate(comparisons) if len(one.differences) > 1}
    corrected: dict[int, float] = {}
    for measure in dict.fromkeys(one.measure for one in comparisons):
        same_measure = [index for index in ps if comparisons[index].measure == measure]
        corrected |= dict(zip(same_measure, holm([ps[index] for index in same_measure]), strict=True))
    return [
        replace(one, p=ps[index], corrected=corrected[index]) if index in ps else one for index, one in enumerate(comparisons)
    ]
