"""From rows of right and wrong answers to accuracies with 95% intervals."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

SIZE_COLUMNS = ("task", "suite", "digits", "left", "right", "trained")
"""What a problem is of, or a row of a summary."""
SUMMARY_COLUMNS = (
    *SIZE_COLUMNS,
    "n",
    "correct",
    "accuracy",
    "low",
    "high",
    "unreadable",
    "unfinished",
    "valid",
    "lenient",
    "failed",
)


def wilson(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Compute the Wilson score interval of a proportion, 95% by default.

    Unlike the standard error it holds at 0% and 100% too: 200 right of 200 gives 98.1% to 100%.

    Args:
        right: How many are right.
        n: How many there are.
        z: The quantile of the normal distribution.

    Returns:
        The lower and the upper end, from 0 to 1; (0, 1) where n is 0.

    Raises:
        ValueError: right is not from 0 to n.

    Source:
        Wilson 1927, doi 10.1080/01621459.1927.10502953
    """
    if not 0 <= right <= n:
        raise ValueError(f"right = {right}: must be from 0 to n = {n}")
    if n == 0:
        return 0.0, 1.0
    share = right / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return (0.0 if right == 0 else low), (1.0 if right == n else high)  # exact ends, free of rounding errors


def by_length(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise rows of an evaluation by task, suite and size.

    Args:
        rows: A row for each problem, as in `eval.data.EvalData.rows`.

    Returns:
        A row for each task, suite and size, with SUMMARY_COLUMNS:
        task, suite, digits, left, right: as in the rows
        trained: as in the rows, or "mixed"
        n, correct, accuracy: problems that were asked, right answers, and their share (nan where n is 0)
        low, high: the Wilson 95% interval of the accuracy
        unreadable, unfinished: how many answers were no answer
        valid: right answers whose scratchpad is valid
        lenient: answers that a tolerant reader finds right
        failed: problems that the solver could not be asked; n does not count them
    """
    table = []
    for (task, suite, digits), group in rows.groupby(["task", "suite", "digits"], sort=False):
        table.append({"task": task, "suite": suite, "digits": digits} | _summarise(group))
    return pd.DataFrame(table, columns=list(SUMMARY_COLUMNS))


def _summarise(group: pd.DataFrame) -> dict[str, Any]:
    """Count the outcomes of one task, suite and size."""
    outcomes = group.outcome.value_counts()
    failed, right = int(outcomes.get("failed", 0)), int(outcomes.get("right", 0))
    n = len(group) - failed
    low, high = wilson(right, n)
    trained = group.trained.unique()
    return {
        "left": int(group.left.iloc[0]),
        "right": int(group.right.iloc[0]),
        "trained": trained[0] if len(trained) == 1 else "mixed",
        "n": n,
        "correct": right,
        "accuracy": right / n if n else math.nan,
        "low": low,
        "high": high,
        "unreadable": int(outcomes.get("unreadable", 0)),
        "unfinished": int(outcomes.get("unfinished", 0)),
        "valid": int(((group.outcome == "right") & (group.scratchpad == "valid")).sum()),
        "lenient": int(group.lenient.sum()),
        "failed": failed,
    }


def is_grid(summary: pd.DataFrame) -> bool:
    """Tell whether the sizes of one task and suite form a grid: not all alike, and every left with every right."""
    full = len(summary) == summary.left.nunique() * summary.right.nunique() > 3
    return bool(full and (summary.left != summary.right).any())
