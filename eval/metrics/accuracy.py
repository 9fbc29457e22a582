"""From rows of right and wrong to accuracies with honest intervals."""

from __future__ import annotations

import math

import pandas as pd


def wilson(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion (Wilson 1927), 95% by default; (0, 1) where n is 0.

    Unlike the standard error it stays honest at 0% and 100%: 200 right of 200 gives 98.1% to 100%.
    ValueError unless 0 <= right <= n.
    """
    if not 0 <= right <= n:
        raise ValueError(f"right = {right}: must be from 0 to n = {n}")
    if n == 0:
        return 0.0, 1.0
    share = right / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return (0.0 if right == 0 else low), (1.0 if right == n else high)  # exactly, not up to rounding


def by_length(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each task, suite and lengths of `evaluate`'s rows.

    Columns: task, suite, digits, left, right, trained ("held out", "seen", "beyond" or "mixed"), n, right_answers, accuracy,
    low, high (Wilson 95%), unreadable, unfinished, valid (right answers whose working is valid), lenient (answers that a
    tolerant reader finds right; counts), failed (problems that the solver could not be asked; they do not count in n).
    """
    table = []
    for (task, suite, digits), group in rows.groupby(["task", "suite", "digits"], sort=False):
        failed = int((group.outcome == "failed").sum())
        right, n = int((group.outcome == "right").sum()), len(group) - failed
        low, high = wilson(right, n)
        kinds = group.trained.unique()
        table.append(
            {
                "task": task,
                "suite": suite,
                "digits": digits,
                "left": int(group.left.iloc[0]),
                "right": int(group.right.iloc[0]),
                "trained": kinds[0] if len(kinds) == 1 else "mixed",
                "n": n,
                "right_answers": right,
                "accuracy": right / n if n else math.nan,
                "low": low,
                "high": high,
                "unreadable": int((group.outcome == "unreadable").sum()),
                "unfinished": int((group.outcome == "unfinished").sum()),
                "valid": int(((group.outcome == "right") & (group.working == "valid")).sum()),
                "lenient": int(group.lenient.sum()),
                "failed": failed,
            }
        )
    return pd.DataFrame(table)


def is_grid(cells: pd.DataFrame) -> bool:
    """Whether the lengths of one task and suite form a grid: not all alike, and every left with every right."""
    return bool((cells.left != cells.right).any()) and len(cells) == cells.left.nunique() * cells.right.nunique() > 3
