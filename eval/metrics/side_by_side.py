"""Solvers side by side on the same problems: medians over seeds, and a paired test between two.

    both 981   only a 12   only b 3   neither 4      p = 0.035

Where two solvers were asked the same problems, only those that one got right and the other did not tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

BY = ["task", "suite", "digits"]


def side_by_side(summaries: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each task, suite and lengths: the accuracy of each solver by name, and `median` over all.

    Lengths that not all of them were asked have no figure in those columns.
    """
    columns = [summary.set_index(BY).accuracy.rename(name) for name, summary in summaries.items()]
    table = pd.concat(columns, axis=1, sort=False)
    table["median"] = table.median(axis=1)
    return table.reset_index()


def paired(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Of the problems that both were asked: how many both, only the one, only the other, and neither got right; and p.

    a, b: `evaluate`'s rows. p is McNemar's exact test, two-sided: the chance of as uneven a split of the problems that only
    one got right, were both equally good (McNemar 1947). A row for each task, suite and lengths.
    """
    answered = [rows[rows.outcome != "failed"] for rows in (a, b)]
    keys = [*BY, "question"]
    shared = answered[0][[*keys, "outcome"]].merge(answered[1][[*keys, "outcome"]], on=keys, suffixes=("_a", "_b"))
    right_a, right_b = shared.outcome_a == "right", shared.outcome_b == "right"
    counts = shared[BY].assign(
        n=1, both=right_a & right_b, only_a=right_a & ~right_b, only_b=~right_a & right_b, neither=~right_a & ~right_b
    )
    table = counts.groupby(BY, sort=False).sum().reset_index()
    table["p"] = [mcnemar(one, other) for one, other in zip(table.only_a, table.only_b, strict=True)]
    return table


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p of McNemar's test; 1 where there is nothing to tell them apart."""
    n, least = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, 2 * tail / 2**n) if n else 1.0
