"""What came of trials: each by itself, and medians over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from arithgpt.experiments.grid import Trial
from arithgpt.experiments.sweep import DONE, STOPPED, TrialResult
from arithgpt.run import Run, runs_folder


def results(trials: Sequence[Trial], outcomes: Mapping[int, TrialResult]) -> list[dict[str, Any]]:
    """Of each trial: run, the fields that vary, parameters, steps, examples, seconds, worst, best, loss, accuracy, status.

    worst, best: of the lengths that were asked after training, else of those of the last look; None where there are none
    loss: of a text, held out, at the last look; else None
    """
    rows = []
    for number, trial in enumerate(trials):
        run, outcome = Run(runs_folder() / trial.name), outcomes.get(number, TrialResult(number, STOPPED))
        accuracy = dict(outcome.accuracy or run.info.get("accuracy", {}))
        step = run.info.get("step", 0)
        rows.append(
            {"run": trial.name, **trial.values}
            | {"parameters": run.info.get("parameters"), "steps": step, "examples": step * trial.recipe.train.batch_size}
            | {"seconds": round(run.info.get("seconds", 0.0), 1)}
            | {"worst": min(accuracy.values(), default=None), "best": max(accuracy.values(), default=None)}
            | {"loss": run.info.get("loss"), "accuracy": accuracy, "status": outcome.status}
        )
    return rows


def medians(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[dict[str, Any]]:
    """The medians over seeds of what `results` found, for each other value of the fields that vary; of trials that are done.

    accuracy: by length the `median`, the `least` and the `most`, of lengths that all were asked; a sweep that is stopped may
    have asked only some
    """
    return [
        {name: group[0][name] for name in fields if name != "seed"}
        | {"seeds": len(group), "parameters": group[0]["parameters"]}
        | {key: _median([row[key] for row in group]) for key in ("steps", "examples", "seconds", "worst", "best", "loss")}
        | {"accuracy": _spreads([row["accuracy"] for row in group])}
        for group in but_for_seeds([row for row in rows if row["status"] == DONE], fields)
    ]


def but_for_seeds(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[list[Mapping[str, Any]]]:
    """The rows of `results` in groups that differ in the seed only, in the order of their first ones."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(repr([row[name] for name in fields if name != "seed"]), []).append(row)
    return list(groups.values())


def _median(values: Sequence[float | None]) -> float | None:
    return None if None in values else statistics.median(values)


def _spreads(accuracies: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    common = [length for length in accuracies[0] if all(length in each for each in accuracies)]
    columns = {length: [each[length] for each in accuracies] for length in common}
    return {length: {"median": statistics.median(of), "least": min(of), "most": max(of)} for length, of in columns.items()}
