"""A sweep as tables for a terminal, and as CSV, JSON and PNG files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from arithgpt.experiments.runner import DONE, STOPPED
from arithgpt.experiments.sweep_summary import (
    SEED,
    Range,
    SeedMedians,
    TrialSummary,
    group_by_values,
    medians_over_seeds,
)
from arithgpt.experiments.trial import Trial
from arithgpt.run_folder import RunFolder, runs_folder
from eval.reports.figures import chart_figure, png
from eval.reports.format import percent
from eval.reports.layout import Mark, TextTable
from eval.reports.learning_charts import Log, worst_length_chart


def trial_table(summaries: Sequence[TrialSummary]) -> TextTable:
    """Make a table with a line for each trial and, below trials that differ only in the seed, a line with their medians."""
    fields, figures = list(summaries[0].values), _figure_names(summaries)
    has_statuses = any(one.status != DONE for one in summaries)
    rows: list[list[str]] = []
    marks: list[Mark] = []

    def add_row(one: TrialSummary | SeedMedians, values: dict[str, Any], status: str, mark: Mark) -> None:
        rows.append([*(str(values[field]) for field in fields), *_figures(one, figures), *([status] if has_statuses else [])])
        marks.append(mark)

    for group in group_by_values(summaries):
        for one in group:
            status = "" if one.status == DONE else STOPPED if one.status == STOPPED else "failed"
            add_row(one, dict(one.values), status, "" if one.status == DONE else "notice")
        for median in medians_over_seeds(group):
            if median.seeds > 1:
                add_row(median, dict(median.values) | {SEED: f"median of {median.seeds}"}, "", "strong")
    heads = [*_short_names(fields), "parameters", "steps", "seconds", *figures, *([""] if has_statuses else [])]
    words = [*range(len(fields)), *([len(heads) - 1] if has_statuses else [])]
    return TextTable(heads, rows, text_columns=words, marks=marks, keys=len(fields))


def size_table(summaries: Sequence[TrialSummary]) -> TextTable:
    """Make a table of the accuracy by size, with a line for all trials that differ only in the seed."""
    medians = medians_over_seeds(summaries)
    fields = [field for field in summaries[0].values if field != SEED]
    sizes = list(dict.fromkeys(size for one in medians for size in one.accuracy))
    rows = [
        [*(str(one.values[field]) for field in fields), *(_range_cell(one.accuracy.get(size)) for size in sizes)]
        for one in medians
    ]
    return TextTable([*_short_names(fields), *sizes], rows, text_columns=range(len(fields)), keys=len(fields))


def sweep_csv(summaries: Sequence[TrialSummary]) -> str:
    """Make a CSV file with a row for each trial; the accuracy by size is JSON in one column."""
    rows = [one.as_dict() | {"accuracy": json.dumps(dict(one.accuracy))} for one in summaries]
    return str(pd.DataFrame(rows).to_csv(index=False))


def sweep_json(name: str, summaries: Sequence[TrialSummary]) -> str:
    """Make a JSON file with all trials, and with the medians over seeds where seeds vary."""
    medians = [one.as_dict() for one in medians_over_seeds(summaries)] if SEED in summaries[0].values else []
    tables = {"sweep": name, "trials": [one.as_dict() for one in summaries], "medians": medians}
    return json.dumps(tables, indent=2, allow_nan=False) + "\n"


def sweep_png(name: str, trials: Sequence[Trial]) -> bytes:
    """Draw the accuracy of the worst size during training; trials that differ only in the seed are one line."""
    logs: dict[str, list[Log]] = {}
    for trial in trials:
        label = ", ".join(f"{field.split('.')[-1]} {value}" for field, value in trial.values.items() if field != SEED)
        logs.setdefault(label or "all seeds", []).append(list(RunFolder(runs_folder() / trial.name).metrics()))
    figure = chart_figure(f"{name}: held-out exact match by examples", [worst_length_chart(logs)])
    return png([figure] if figure is not None else [])


def is_of_text(summaries: Sequence[TrialSummary]) -> bool:
    """Tell whether the trials learn a text, which has a loss and no accuracy."""
    return any(one.loss is not None for one in summaries)


def _figure_names(summaries: Sequence[TrialSummary]) -> list[str]:
    """Name the figures that the table shows of every trial."""
    return ["loss"] if is_of_text(summaries) else ["worst", "best"]


def _figures(one: TrialSummary | SeedMedians, names: Sequence[str]) -> list[str]:
    """Format parameters, steps, seconds and the named figures of a line."""
    parameters = f"{one.parameters:,}" if one.parameters else "-"
    cells = []
    for name in names:
        value = getattr(one, name)
        cells.append("-" if value is None else f"{value:.4f}" if name == "loss" else percent(value))
    return [parameters, f"{one.steps:,.0f}", f"{one.seconds:,.1f}", *cells]


def _range_cell(one: Range | None) -> str:
    """Format a range of accuracies: `99.2`, and below it `98.5-100` where seeds differ."""
    if one is None:
        return "-"
    median, least, most = (percent(value, 1).removesuffix("%") for value in (one.median, one.least, one.most))
    return median if least == most else f"{median}\n{least}-{most}"


def _short_names(fields: Sequence[str]) -> list[str]:
    """Shorten dotted names to their last parts, where these are unique."""
    short = [field.split(".")[-1] for field in fields]
    return [last if short.count(last) == 1 else field for field, last in zip(fields, short, strict=True)]
