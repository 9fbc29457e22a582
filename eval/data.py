"""What an evaluation found, as data: the one source of every table, page, figure, JSON and CSV file, and comparison.

`EvalResult` in result.py is this with the methods that show it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from eval.metrics.accuracy import SIZE_COLUMNS, by_length
from eval.metrics.error_types import Mistake, count_kinds, find_mistakes
from tasks import Task
from tasks.sizes import SizeRange

COLUMNS = (
    *SIZE_COLUMNS,
    "question",
    "expected",
    "answer",
    "outcome",
    "lenient",
    "scratchpad",
    "written",
)
MAX_EXAMPLES = 12
MAX_FAILURES = 10
"""Wrong answers of each length that a certificate lists."""


@dataclass(frozen=True)
class EvalData:
    """What one solver answered, and what follows from it."""

    name: str
    """What reports call the solver."""
    rows: pd.DataFrame
    """A row for each problem, with COLUMNS:

    task, suite: their names
    digits: the size, as "8", or "12x6" where the operands differ; left, right: the same as numbers
    trained: whether training may have met the problem: "held out", "seen", "beyond" the sizes of training, or "unknown"
    question, expected, answer: as a person writes them; answer is None where it cannot be read
    outcome: "right", "wrong", "unreadable", "unfinished", or "failed" where the solver could not be asked
    lenient: whether a tolerant reader finds the right answer
    scratchpad: "valid", what is wrong with the first wrong line, or "" where no page was written or it was not finished
    written: all that followed the prompt, without the stop character; for "failed" the reason
    """
    tasks: Sequence[Task] = ()
    """The tasks that were asked."""
    trained: bool = True
    """Whether the solver was trained on these tasks."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """What the figures were measured on: solver, task versions, seed, samples, weights, library versions, machine."""
    recipe: str = ""
    """The recipe of a run, as TOML; empty where the solver is no run."""
    metrics: Sequence[Mapping[str, Any]] = ()
    """The lines of a run's metrics.jsonl: what training logged, step by step."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each task, suite and size, as `eval.metrics.accuracy.by_length` returns it."""
        return by_length(self.rows)

    @property
    def accuracy(self) -> float:
        """The share of all answered problems that is right, from 0 to 1; nan where none could be asked."""
        asked = int(self.table.n.sum())
        return int(self.table.correct.sum()) / asked if asked else float("nan")

    @property
    def proof(self) -> str:
        """`proven: adds any two numbers, of any length (...)`; empty where nothing is proven of the solver."""
        return str(self.provenance.get("proof") or "")

    @property
    def partial(self) -> str:
        """`12 of 40 problems could not be asked: HTTP 500`, with the last reason; empty where all were asked."""
        failed = self.rows[self.rows.outcome == "failed"]
        if failed.empty:
            return ""
        return f"{len(failed):,} of {len(self.rows):,} problems could not be asked: {failed.written.iloc[-1]}"

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """Every wrong answer and every wrong scratchpad."""
        return [mistake for task in self.tasks for mistake in find_mistakes(task, self.rows_of(task))]

    @cached_property
    def error_counts(self) -> pd.DataFrame:
        """How often each kind of mistake was made: columns task, kind, n."""
        return count_kinds(self.mistakes)

    @cached_property
    def examples(self) -> list[str]:
        """At most MAX_EXAMPLES mistakes drawn as plain text of several lines: each kind in turn, short problems first."""
        by_kind: dict[str, list[Mistake]] = {}
        for mistake in sorted(self.mistakes, key=lambda mistake: len(mistake.question)):
            by_kind.setdefault(mistake.kind, []).append(mistake)
        longest = max(map(len, by_kind.values()), default=0)
        in_turn = [kind[turn] for turn in range(longest) for kind in by_kind.values() if turn < len(kind)]
        return [f"{mistake.task.name} {mistake.question}\n{mistake}" for mistake in in_turn[:MAX_EXAMPLES]]

    @property
    def training_sizes(self) -> dict[str, tuple[SizeRange, ...]]:
        """The size ranges of training, by task; empty where the solver was not trained on these tasks."""
        return {task.name: task.size_ranges for task in self.tasks if self.trained and task.size_span.high}

    def rows_of(self, task: Task) -> pd.DataFrame:
        """Select the rows of one task."""
        return self.rows[self.rows.task == task.name]

    def to_json(self) -> dict[str, Any]:
        """Return provenance, `partial` and the summary as values for JSON; None stands where there is no figure."""
        return {**self.provenance, "partial": self.partial or None, "results": _records(self.table)}

    def to_certificate(self) -> dict[str, Any]:
        """Return how many problems of each size there are and were right, and the first that were not, as values for JSON."""
        sizes = []
        for (task, digits), rows in self.rows.groupby(["task", "digits"], sort=False):
            wrong = rows[rows.outcome != "right"]
            failures = _records(wrong[["question", "answer", "expected"]].head(MAX_FAILURES))
            counts = {"problems": len(rows), "right": len(rows) - len(wrong)}
            sizes.append({"task": task, "digits": digits} | counts | {"wrong": failures})
        return {**self.provenance, "partial": self.partial or None, "every problem of": sizes}


def to_json_text(values: Sequence[Mapping[str, Any]]) -> str:
    """Write one object for one result, a list for several."""
    return json.dumps(values[0] if len(values) == 1 else list(values), indent=2, allow_nan=False) + "\n"


def all_rows(results: Sequence[EvalData]) -> pd.DataFrame:
    """Join the rows of all results; a column `solver` has their names."""
    return pd.concat([result.rows.assign(solver=result.name) for result in results], ignore_index=True)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts, with None for nan, which JSON does not have and which alone differs from itself."""
    return [{name: None if value != value else value for name, value in row.items()} for row in table.to_dict("records")]
