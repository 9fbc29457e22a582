"""Figures of trained trials: each trial by itself, and medians over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arithgpt.experiments.runner import DONE, STOPPED, TrialResult
from arithgpt.experiments.trial import Trial
from arithgpt.run_folder import RunFolder, runs_folder

SEED = "seed"


@dataclass(frozen=True)
class TrialSummary:
    """What one trial took and reached."""

    run: str
    values: Mapping[str, Any]
    """Dotted field -> value, of the fields that vary."""
    parameters: int | None
    """None where training did not start."""
    steps: int
    examples: int
    seconds: float
    """Seconds of training, validations included."""
    loss: float | None
    """Held-out loss of the last validation, of a run that learns a text."""
    accuracy: Mapping[str, float]
    """Exact match by size: after training, or where nothing was asked then, at the last validation."""
    status: str
    """DONE, STOPPED, or the message of the error that ended it."""

    @property
    def worst(self) -> float | None:
        """The lowest accuracy of any size."""
        return min(self.accuracy.values(), default=None)

    @property
    def best(self) -> float | None:
        """The highest accuracy of any size."""
        return max(self.accuracy.values(), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON and CSV, those that vary under their dotted names."""
        return {
            "run": self.run,
            **self.values,
            "parameters": self.parameters,
            "steps": self.steps,
            "examples": self.examples,
            "seconds": self.seconds,
            "worst": self.worst,
            "best": self.best,
            "loss": self.loss,
            "accuracy": dict(self.accuracy),
            "status": self.status,
        }


@dataclass(frozen=True)
class Range:
    """The median of some values, the least and the most."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class SeedMedians:
    """Medians over the trials that are done and differ only in the seed."""

    values: Mapping[str, Any]
    """Dotted field -> value, of the fields that vary, without the seed."""
    seeds: int
    """Number of trials."""
    parameters: int | None
    steps: float
    examples: float
    seconds: float
    worst: float | None
    best: float | None
    loss: float | None
    accuracy: Mapping[str, Range]
    """By size, of the sizes that every trial was asked."""

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON, those that vary under their dotted names."""
        figures = {name: value for name, value in vars(self).items() if name not in ("values", "accuracy")}
        return {**self.values, **figures, "accuracy": {size: vars(one) for size, one in self.accuracy.items()}}


def summarise_trials(trials: Sequence[Trial], results: Mapping[int, TrialResult]) -> list[TrialSummary]:
    """Summarise every trial.

    Args:
        trials: all trials
        results: how they ended, by index; a trial without a result counts as stopped
    """
    summaries = []
    for number, trial in enumerate(trials):
        info, result = RunFolder(runs_folder() / trial.name).info, results.get(number, TrialResult(number, STOPPED))
        steps = info.get("step", 0)
        summaries.append(
            TrialSummary(
                run=trial.name,
                values=trial.values,
                parameters=info.get("parameters"),
                steps=steps,
                examples=steps * trial.recipe.train.batch_size,
                seconds=round(info.get("seconds", 0.0), 1),
                loss=info.get("loss"),
                accuracy=dict(result.accuracy or info.get("accuracy", {})),
                status=result.status,
            )
        )
    return summaries


def medians_over_seeds(summaries: Sequence[TrialSummary]) -> list[SeedMedians]:
    """Take medians over the trials that are done and differ only in the seed."""
    return [_medians(group) for group in group_by_values([one for one in summaries if one.status == DONE])]


def group_by_values(summaries: Sequence[TrialSummary]) -> list[list[TrialSummary]]:
    """Group trials that differ only in the seed; groups and trials keep their order."""
    groups: dict[str, list[TrialSummary]] = {}
    for one in summaries:
        groups.setdefault(repr(_without_seed(one.values)), []).append(one)
    return list(groups.values())


def _without_seed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the seed."""
    return {field: value for field, value in values.items() if field != SEED}


def _medians(group: Sequence[TrialSummary]) -> SeedMedians:
    """Take medians over a group of trials."""
    sizes = [size for size in group[0].accuracy if all(size in one.accuracy for one in group)]
    by_size = {size: [one.accuracy[size] for one in group] for size in sizes}
    return SeedMedians(
        values=_without_seed(group[0].values),
        seeds=len(group),
        parameters=group[0].parameters,
        steps=statistics.median(one.steps for one in group),
        examples=statistics.median(one.examples for one in group),
        seconds=statistics.median(one.seconds for one in group),
        worst=_median([one.worst for one in group]),
        best=_median([one.best for one in group]),
        loss=_median([one.loss for one in group]),
        accuracy={size: Range(statistics.median(of), min(of), max(of)) for size, of in by_size.items()},
    )


def _median(values: Sequence[float | None]) -> float | None:
    """Take the median; None where a value is missing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if len(known) == len(values) else None
