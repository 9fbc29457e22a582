"""What was measured of one solver: all that a report is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from eval.evaluate import evaluate
from eval.solver import Solver
from tasks import ProblemSize, Task

DEFAULT_LENGTHS = 16  # of each box of lengths, at most
MAX_PAGE = 20_000  # characters of a page that are still asked


@dataclass(frozen=True)
class EvalResult:
    """One solver, asked once."""

    name: str
    about: Mapping[str, Any]
    """What the figures are of: tasks and their versions, seed, samples, weights, versions of libraries, machine."""
    rows: pd.DataFrame
    """A row a problem, as `eval.evaluate.evaluate` gives them."""
    summary: pd.DataFrame
    """A row for each task, suite and lengths, as `eval.metrics.accuracy.by_length` gives them."""
    mistakes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["task", "kind", "n"]))
    """How often each kind of mistake was made: task, kind, n."""
    examples: Sequence[str] = ()
    """Some mistakes, each drawn in columns as plain text of several lines."""
    recipe: str = ""
    """The recipe of a run, as TOML; empty where the solver is no run."""
    metrics: Sequence[Mapping[str, Any]] = ()
    """A run's metrics.jsonl: what training logged, step by step."""
    trained: Mapping[str, Sequence[tuple[int, int, int, int]]] = field(default_factory=dict)
    """For each task the size_ranges of training lengths: (left from, left to, right from, right to)."""

    @property
    def partial(self) -> str:
        """`12 of 40 problems could not be asked: HTTP 500`, with why the last one could not; empty where all were."""
        failed = self.rows[self.rows.outcome == "failed"]
        if failed.empty:
            return ""
        return f"{len(failed):,} of {len(self.rows):,} problems could not be asked: {failed.written.iloc[-1]}"


def measure(
    solver: Solver,
    tasks: Sequence[Task],
    *,
    cells: Sequence[ProblemSize] | None = None,
    suites: Sequence[str] | None = None,
    n: int = 1000,
    seed: int = 1,
    trained: bool = True,
    tell: Callable[[str, ProblemSize], None] = lambda suite, cell: None,
) -> pd.DataFrame:
    """The rows of `evaluate`, task by task.

    cells: None asks each task the lengths it is trained on, and of the suite `long` those beyond; suites: None asks all but
    those on request. Lengths that need pages of more than MAX_PAGE characters are left out.
    ValueError as from `evaluate`.
    """
    tables = []
    for task in tasks:
        for suite in suites if suites is not None else [name for name in task.suites if name not in task.on_request]:
            asked = cells if cells is not None else _cells(task, suite)
            asked = [cell for cell in asked if fits(task, cell)]
            tables.append(evaluate(solver, task, asked, n=n, seed=seed, suites=(suite,), trained=trained, tell=tell))
    return pd.concat(tables, ignore_index=True)


def _cells(task: Task, suite: str) -> list[ProblemSize]:
    return task.beyond if suite == "long" else trained_cells(task)


def trained_cells(task: Task) -> list[ProblemSize]:
    """The lengths of training, at most DEFAULT_LENGTHS of each box."""
    return list(dict.fromkeys(cell for box in task.size_ranges for cell in box.spread(DEFAULT_LENGTHS)))


def fits(task: Task, cell: ProblemSize) -> bool:
    """Whether a problem of these lengths has a page that is not too long to be asked."""
    one = task.draw_suite(np.random.default_rng(0), 1, cell, "random")
    return int(task.prompts(one).lengths[0] + task.max_new_tokens(one)[0]) <= MAX_PAGE
