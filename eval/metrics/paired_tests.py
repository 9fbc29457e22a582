"""Does a change help? An exact paired test whose unit is the seed, and what it says in words.

    sign_flip([12, 9, 15, 11, 10])      0.0625, which is 1/16: the least that five seeds can give
    holm([0.01, 0.04, 0.03])            [0.03, 0.06, 0.06]

Problems asked of one trained model are no independent draws of the recipe, so what is compared are the seeds: each one with the
change and without it. Were the change idle, each difference would as likely have the other sign (Fisher 1935).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

HELPS, HURTS, NEITHER, UNTESTED = "helps", "hurts", "no difference shown", "not tested"


def sign_flip(differences: Sequence[int]) -> float:
    """The exact two-sided p of the sign-flip test of paired differences.

    Of the 2^n ways to give each difference either sign, all equally likely were there nothing to tell the sides apart, the
    share in which their sum is as far from 0 as it is, or farther. Differences are whole numbers, such as of problems that were
    right: so ties are ties, and the ways are counted by sums, for any number of seeds. 1 for no differences.
    """
    ways = {0: 1}
    for size in map(abs, differences):
        more: dict[int, int] = {}
        for total, count in ways.items():
            for end in (total - size, total + size):
                more[end] = more.get(end, 0) + count
        ways = more
    found = abs(sum(differences))
    return sum(count for total, count in ways.items() if abs(total) >= found) / 2 ** len(differences)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values of several tests, corrected so that the chance of any false finding stays below the level (Holm 1979).

    The least is multiplied by how many there are, the next by one less, and so on; none falls below that of a smaller p.
    """
    corrected, least = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        least = max(least, min(1.0, (len(ps) - rank) * ps[at]))
        corrected[at] = least
    return corrected


def least_p(seeds: int, tests: int = 1) -> float:
    """The least corrected p that so many seeds can give: 1/16 for 5 seeds and one test."""
    return min(1.0, tests * 2.0 ** (1 - seeds))


def seeds_needed(level: float, tests: int = 1) -> int:
    """The fewest seeds with which a difference can be shown. ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: must be above 0 and below 1")
    return next(seeds for seeds in range(1, 2000) if least_p(seeds, tests) <= level)


def median_coverage(seeds: int) -> float:
    """The chance that the median over all seeds there could be lies between the least and the most of so many."""
    return 1 - 2.0 ** (1 - seeds)


@dataclass(frozen=True)
class Comparison:
    """One variant beside the baseline in one measure."""

    variant: str
    measure: str
    differences: tuple[int, ...]
    """Variant minus baseline, a seed each, in the order of the seeds that both have."""
    unit: float = 1.0
    """What a difference of 1 is: 1/n where problems that were right of n are counted."""
    more_is_better: bool = True
    p: float = math.nan
    """Of the sign-flip test; nan where there was nothing to test."""
    corrected: float = math.nan
    """The same, by Holm's rule for all variants that were tested in this measure."""

    @property
    def mean(self) -> float:
        """The mean difference; nan where there is none."""
        return self.unit * sum(self.differences) / len(self.differences) if self.differences else math.nan

    def says(self, level: float) -> str:
        """HELPS, HURTS or NEITHER at this level of the corrected p; UNTESTED where fewer than two seeds could be compared."""
        if math.isnan(self.corrected):
            return UNTESTED
        if self.corrected > level:
            return NEITHER
        return HELPS if (sum(self.differences) > 0) == self.more_is_better else HURTS


def with_p(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same with their p, corrected for all of one measure together. Where there are fewer than two seeds there is none."""
    found = {at: sign_flip(one.differences) for at, one in enumerate(comparisons) if len(one.differences) > 1}
    corrected: dict[int, float] = {}
    for measure in dict.fromkeys(one.measure for one in comparisons):
        own = [at for at in found if comparisons[at].measure == measure]
        corrected |= dict(zip(own, holm([found[at] for at in own]), strict=True))
    return [replace(one, p=found[at], corrected=corrected[at]) if at in found else one for at, one in enumerate(comparisons)]
