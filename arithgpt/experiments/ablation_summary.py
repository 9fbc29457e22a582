"""What an ablation found: each variant over its seeds, and each variant compared with the baseline.

    summary = summarise_ablation(ablation, results)
    summary.variants[1]       VariantSummary(variant="rope", parameters=26000, to_target=20480, ...)
    summary.comparisons[0]    Comparison("rope", "in range", differences=(-3, -8), p=0.5, ...)

`ablation_report.py` shows it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from arithgpt.experiments.ablation import Ablation
from arithgpt.experiments.ablation_problems import BEYOND, IN_RANGE, SEEN
from arithgpt.experiments.runner import DONE, TrialResult
from arithgpt.experiments.sweep_summary import TrialSummary, summarise_trials
from arithgpt.experiments.vary import Variant
from arithgpt.run_folder import RunFolder, runs_folder
from eval.data import EvalData
from eval.metrics.paired_tests import Comparison, mcnemar, paired, with_p
from eval.reports.variants import AccuracySummary, VariantSummary

TO_TARGET = "to target"
"""The measure of a comparison by the examples that training took to the target."""

AnsweredProblems: TypeAlias = Mapping[tuple[str, int], pd.DataFrame]
"""Variant and seed -> the rows of `EvalData.rows` with `where`, without SEEN problems."""


@dataclass(frozen=True)
class VariantTrial:
    """A trial with its variant and seed."""

    variant: str
    seed: int
    trial: TrialSummary
    to_target: int | None
    """Examples of the validation at which the target held; None where it never did."""

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON and CSV."""
        return {"variant": self.variant} | self.trial.as_dict() | {"to_target": self.to_target}


@dataclass(frozen=True)
class AblationSummary:
    """What was found."""

    ablation: Ablation
    trials: Sequence[VariantTrial]
    answered: AnsweredProblems
    """The problems of every trial that was trained and asked."""
    comparisons: Sequence[Comparison]
    """Every variant with the baseline, in each measure."""

    @cached_property
    def counts(self) -> pd.DataFrame:
        """A row for each trial and size: variant, seed, where, task, digits, n, correct."""
        keys = ["where", "task", "digits"]
        columns = ["variant", "seed", *keys, "n", "correct"]
        tables = [
            rows.assign(correct=rows.outcome == "right", n=1)
            .groupby(keys, sort=False)[["n", "correct"]]
            .sum()
            .reset_index()
            .assign(variant=variant, seed=seed)
            for (variant, seed), rows in self.answered.items()
        ]
        return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)

    def accuracy(self, variant: str, where: str, task: str | None = None, digits: str | None = None) -> AccuracySummary | None:
        """Summarise the exact match of a variant over its seeds.

        Args:
            variant: its name
            where: IN_RANGE or BEYOND
            task, digits: of one task and size; None: of all

        Returns:
            The summary, or None where nothing was asked.
        """
        counts = self.counts[(self.counts.variant == variant) & (self.counts["where"] == where)]
        counts = counts if task is None else counts[(counts.task == task) & (counts.digits == digits)]
        by_seed = counts.groupby("seed")[["correct", "n"]].sum()
        return AccuracySummary.of(by_seed.correct.tolist(), by_seed.n.tolist())

    @cached_property
    def variants(self) -> list[VariantSummary]:
        """Each variant over its seeds, the baseline first."""
        return [self._summarise(variant) for variant in self.ablation.variants]

    def _summarise(self, variant: Variant) -> VariantSummary:
        """Summarise one variant over its seeds."""
        name, problems = variant.name, self.ablation.problems
        done = [one for one in self.trials if one.variant == name and one.trial.status == DONE]
        to_target = [math.inf if one.to_target is None else one.to_target for one in done]
        median = statistics.median(to_target) if to_target else math.inf
        beyond = problems[problems["where"] == BEYOND][["task", "digits"]].drop_duplicates()
        has_tasks = problems.task.nunique() > 1
        return VariantSummary(
            variant=name,
            values=variant.values,
            parameters=done[0].trial.parameters if done else None,
            seeds=len(done),
            reached=sum(examples < math.inf for examples in to_target),
            to_target=None if median == math.inf else median,
            seconds=statistics.median(one.trial.seconds for one in done) if done else None,
            in_range=self.accuracy(name, IN_RANGE),
            beyond=self.accuracy(name, BEYOND),
            by_length={
                f"{task} {digits}" if has_tasks else digits: self.accuracy(name, BEYOND, task, digits)
                for task, digits in beyond.itertuples(index=False)
            },
        )

    @property
    def table(self) -> pd.DataFrame:
        """A row for each trial and size: the figures of the trial, and the columns of `counts`."""
        figures = pd.DataFrame([one.as_dict() for one in self.trials]).drop(columns=["accuracy", "worst", "best", "loss"])
        return figures.merge(self.counts, on=["variant", "seed"], how="left")

    @property
    def eval_results(self) -> dict[str, list[EvalData]]:
        """Variant -> the results of its trials that were asked, with the log of their training."""
        found: dict[str, list[EvalData]] = {variant.name: [] for variant in self.ablation.variants}
        for one in self.trials:
            rows = self.answered.get((one.variant, one.seed))
            if rows is not None:
                log = list(RunFolder(runs_folder() / one.trial.run).metrics())
                found[one.variant].append(EvalData(one.trial.run, rows, metrics=log))
        return {variant: results for variant, results in found.items() if results}

    def mcnemar_by_seed(self, variant: str, where: str) -> list[dict[str, Any]]:
        """Compare a variant with the baseline by McNemar's test, seed by seed.

        This test tells trained models apart, not recipes: it is for information.

        Returns:
            For each seed: seed, "only variant", "only baseline" (problems that only one got right), p.
        """
        baseline, tests = self.ablation.variants[0].name, []
        for seed in _common_seeds(self.answered, variant, baseline):
            ours, theirs = (self.answered[name, seed] for name in (variant, baseline))
            table = paired(ours[ours["where"] == where], theirs[theirs["where"] == where])
            only = int(table.only_a.sum()), int(table.only_b.sum())
            tests.append({"seed": seed, "only variant": only[0], "only baseline": only[1], "p": mcnemar(*only)})
        return tests


def summarise_ablation(ablation: Ablation, results: Mapping[int, TrialResult]) -> AblationSummary:
    """Compare the variants over the seeds that both have finished.

    Args:
        ablation: what was trained
        results: how its trials ended, by index
    """
    trials: list[VariantTrial] = []
    answered: dict[tuple[str, int], pd.DataFrame] = {}
    for number, summary in enumerate(summarise_trials(ablation.trials, results)):
        variant, recipe, result = ablation.variant_of(number).name, ablation.trials[number].recipe, results.get(number)
        step = find_target_step(RunFolder(runs_folder() / summary.run).metrics(), recipe.train.target_accuracy)
        to_target = None if step is None else step * recipe.train.batch_size
        trials.append(VariantTrial(variant, recipe.seed, summary, to_target))
        if result is not None and result.rows is not None:
            rows = result.rows.merge(ablation.problems.drop(columns="held_out"), on=["task", "digits", "question"])
            answered[variant, recipe.seed] = rows[rows["where"] != SEEN]
    baseline, *others = (variant.name for variant in ablation.variants)
    measures = [where for where in (IN_RANGE, BEYOND) if (ablation.problems["where"] == where).any()]
    comparisons = []
    for variant in others:
        comparisons += [_compare_accuracy(where, variant, baseline, answered) for where in measures]
        comparisons.append(_compare_examples(ablation, variant, trials, answered))
    return AblationSummary(ablation, trials, answered, with_p(comparisons))


def find_target_step(log: Iterable[Mapping[str, Any]], target: float) -> int | None:
    """Find the step of the second of two validations in a row that met the target at every size.

    Args:
        log: the lines of metrics.jsonl in order; lines without `accuracy` are ignored
        target: the exact match to reach

    Returns:
        The step, or None where there is none.
    """
    met_before = False
    for entry in log:
        if entry.get("accuracy"):
            meets = min(entry["accuracy"].values()) >= target
            if meets and met_before:
                return int(entry["step"])
            met_before = meets
    return None


def _common_seeds(answered: AnsweredProblems, variant: str, baseline: str) -> list[int]:
    """List the seeds that both have finished."""
    return [seed for name, seed in answered if name == variant and (baseline, seed) in answered]


def _compare_accuracy(where: str, variant: str, baseline: str, answered: AnsweredProblems) -> Comparison:
    """Compare the number of right answers, seed by seed."""
    differences, n = [], 1
    for seed in _common_seeds(answered, variant, baseline):
        ours, theirs = (rows[rows["where"] == where] for rows in (answered[variant, seed], answered[baseline, seed]))
        n = len(ours)
        differences.append(int((ours.outcome == "right").sum() - (theirs.outcome == "right").sum()))
    return Comparison(variant, where, tuple(differences), unit=1 / n)


def _compare_examples(
    ablation: Ablation, variant: str, trials: Sequence[VariantTrial], answered: AnsweredProblems
) -> Comparison:
    """Compare the examples to the target, where all seeds reached it and both variants are trained on the same sizes."""
    to_target = {(one.variant, one.seed): one.to_target for one in trials}
    baseline = ablation.variants[0].name
    size_ranges = [
        {name: task.size_ranges for name, task in trial.recipe.problems.subtasks.items()}
        for number, trial in enumerate(ablation.trials[: len(ablation.variants)])
        if ablation.variant_of(number).name in (variant, baseline)
    ]
    differences: list[int] = []
    for seed in _common_seeds(answered, variant, baseline):
        ours, theirs = to_target[variant, seed], to_target[baseline, seed]
        if ours is None or theirs is None or size_ranges[0] != size_ranges[1]:
            return Comparison(variant, TO_TARGET, (), more_is_better=False)
        differences.append(ours - theirs)
    return Comparison(variant, TO_TARGET, tuple(differences), more_is_better=False)
