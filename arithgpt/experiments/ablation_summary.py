"""What came of an ablation: each variant over its seeds, and each beside the baseline.

    found = findings(ablation, outcomes)
    found.told[1]          VariantSummary(variant="rope", parameters=26000, to_target=20480, in_range=AccuracySummary(...), ...)
    found.comparisons[0]   Comparison("rope", "in range", differences=(-3, -8), p=0.5, ...)

How they look: eval/variants.py.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from arithgpt.experiments.ablation import BEYOND, IN_RANGE, SEEN, Ablation, Variant
from arithgpt.experiments.sweep import DONE, TrialResult
from arithgpt.experiments.sweep_summary import results
from arithgpt.run import Run, runs_folder
from eval.metrics.paired_tests import Comparison, mcnemar, paired, with_p
from eval.reports.variants import AccuracySummary, VariantSummary
from eval.result import EvalResult

TO_TARGET = "to target"

Rows: TypeAlias = Mapping[tuple[str, int], pd.DataFrame]
"""By variant and seed."""


def reached_at(looks: Iterable[Mapping[str, Any]], target: float) -> int | None:
    """The step of the first look that met a target at every length, as the one before it did; None where there is none.

    looks: the lines of metrics.jsonl, in order; those that are of no look are passed over
    """
    before = False
    for entry in looks:
        if entry.get("accuracy"):
            holds = min(entry["accuracy"].values()) >= target
            if holds and before:
                return entry["step"]
            before = holds
    return None


@dataclass(frozen=True)
class Findings:
    """What was found."""

    ablation: Ablation
    trials: Sequence[Mapping[str, Any]]
    """As `sweep.results`, with `variant` and `to_target`: the examples of the look at which the target held, else None."""
    rows: Rows
    """Of each variant and seed that is done, every problem as `evaluate` gives it, with `where`."""
    comparisons: Sequence[Comparison]

    @cached_property
    def counts(self) -> pd.DataFrame:
        """variant, seed, where, task, digits, n, correct: a row for each trial and lengths, SEEN apart."""
        by = ["where", "task", "digits"]
        tables = [
            rows.assign(correct=rows.outcome == "right", n=1)
            .groupby(by, sort=False)[["n", "correct"]]
            .sum()
            .reset_index()
            .assign(variant=variant, seed=seed)
            for (variant, seed), rows in self.rows.items()
        ]
        columns = ["variant", "seed", *by, "n", "correct"]
        return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)

    def shares(self, variant: str, where: str, task: str | None = None, digits: str | None = None) -> AccuracySummary | None:
        """Over the seeds of a variant; of all lengths and tasks, or of one."""
        own = self.counts[(self.counts.variant == variant) & (self.counts["where"] == where)]
        own = own if task is None else own[(own.task == task) & (own.digits == digits)]
        each = own.groupby("seed")[["correct", "n"]].sum()
        return AccuracySummary.of(each.correct.tolist(), each.n.tolist())

    @cached_property
    def told(self) -> list[VariantSummary]:
        """Each variant over its seeds."""
        return [self._told(variant) for variant in self.ablation.variants]

    def _told(self, variant: Variant) -> VariantSummary:
        name, asked = variant.name, self.ablation.asked
        done = [row for row in self.trials if row["variant"] == name and row["status"] == DONE]
        needed = [math.inf if row["to_target"] is None else row["to_target"] for row in done]
        middle = statistics.median(needed) if needed else math.inf
        far = asked[asked["where"] == BEYOND][["task", "digits"]].drop_duplicates()
        several = asked.task.nunique() > 1
        return VariantSummary(
            variant=name,
            values=variant.values,
            parameters=done[0]["parameters"] if done else None,
            seeds=len(done),
            reached=sum(examples < math.inf for examples in needed),
            to_target=None if middle == math.inf else middle,
            seconds=statistics.median(row["seconds"] for row in done) if done else None,
            in_range=self.shares(name, IN_RANGE),
            beyond=self.shares(name, BEYOND),
            by_length={
                f"{task} {digits}" if several else digits: self.shares(name, BEYOND, task, digits)
                for task, digits in far.itertuples(index=False)
            },
        )

    @property
    def table(self) -> pd.DataFrame:
        """A row for each trial and lengths, without those of SEEN problems: what is known of the trial, and how many were
        right of how many."""
        known = pd.DataFrame(self.trials).drop(columns=["accuracy", "worst", "best", "loss"])
        return known.merge(self.counts, on=["variant", "seed"], how="left")

    @property
    def measured(self) -> dict[str, list[EvalResult]]:
        """For charts: the trials of each variant that were asked, and what their training logged."""
        found: dict[str, list[EvalResult]] = {variant.name: [] for variant in self.ablation.variants}
        for row in self.trials:
            rows = self.rows.get((row["variant"], row["seed"]))
            if rows is not None:
                log = list(Run(runs_folder() / row["run"]).metrics())
                found[row["variant"]].append(EvalResult(row["run"], rows, metrics=log))
        return {variant: group for variant, group in found.items() if group}

    def by_problem(self, variant: str, where: str) -> list[dict[str, Any]]:
        """McNemar's test with the baseline, a seed each, for information: it tells trained models apart, not recipes."""
        told = []
        baseline = self.ablation.variants[0].name
        for seed in _shared(self.rows, variant, baseline):
            ours, theirs = (rows[rows["where"] == where] for rows in (self.rows[variant, seed], self.rows[baseline, seed]))
            table = paired(ours, theirs)
            only = int(table.only_a.sum()), int(table.only_b.sum())
            told.append({"seed": seed, "only variant": only[0], "only baseline": only[1], "p": mcnemar(*only)})
        return told


def findings(ablation: Ablation, outcomes: Mapping[int, TrialResult]) -> Findings:
    """Compare what is done; seeds that one of two variants has not done are left out of their comparison."""
    trials, rows = [], {}
    for number, row in enumerate(results(ablation.trials, outcomes)):
        variant, outcome, recipe = ablation.variant(number).name, outcomes.get(number), ablation.trials[number].recipe
        step = reached_at(Run(runs_folder() / row["run"]).metrics(), recipe.train.target_accuracy)
        to_target = None if step is None else step * recipe.train.batch_size
        trials.append({"variant": variant} | row | {"to_target": to_target})
        if outcome is not None and outcome.rows is not None:
            marked = outcome.rows.merge(ablation.asked.drop(columns="held_out"), on=["task", "digits", "question"])
            rows[variant, row["seed"]] = marked[marked["where"] != SEEN]
    baseline, *others = ablation.variants
    asked = [where for where in (IN_RANGE, BEYOND) if (ablation.asked["where"] == where).any()]
    comparisons = []
    for one in others:
        comparisons += [_by_accuracy(where, one.name, baseline.name, rows) for where in asked]
        comparisons.append(_by_examples(ablation, one.name, trials, rows))
    return Findings(ablation, trials, rows, with_p(comparisons))


def _shared(rows: Rows, variant: str, baseline: str) -> list[int]:
    """The seeds that both have done."""
    return [seed for name, seed in rows if name == variant and (baseline, seed) in rows]


def _by_accuracy(where: str, variant: str, baseline: str, rows: Rows) -> Comparison:
    """By how many more problems were right, seed by seed."""
    right, n = [], 1
    for seed in _shared(rows, variant, baseline):
        ours, theirs = (table[table["where"] == where] for table in (rows[variant, seed], rows[baseline, seed]))
        n = len(ours)
        right.append(int((ours.outcome == "right").sum() - (theirs.outcome == "right").sum()))
    return Comparison(variant, where, tuple(right), unit=1 / n)


def _by_examples(ablation: Ablation, variant: str, trials: Sequence[Mapping[str, Any]], rows: Rows) -> Comparison:
    """By how many more examples it took to the target, where all reached it, and by the same lengths."""
    needed = {(row["variant"], row["seed"]): row["to_target"] for row in trials}
    baseline = ablation.variants[0].name
    seeds = _shared(rows, variant, baseline)
    size_ranges = [
        {name: part.size_ranges for name, part in trial.recipe.problems.subtasks.items()}
        for number, trial in enumerate(ablation.trials[: len(ablation.variants)])
        if ablation.variant(number).name in (variant, baseline)
    ]
    both = [(needed[variant, seed], needed[baseline, seed]) for seed in seeds]
    alike = size_ranges[0] == size_ranges[1] and not any(None in pair for pair in both)
    differences = tuple(ours - theirs for ours, theirs in both) if alike else ()
    return Comparison(variant, TO_TARGET, differences, more_is_better=False)
