"""A sweep as tables for a terminal, and as CSV, JSON and PNG files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

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
from eval.reports.learning_charts import Log, worst_length_chart
from eval.reports.tables import plain_table


def trial_table(summaries: Sequence[TrialSummary]) -> Table:
    """Make a table with a line for each trial and, below trials that differ only in the seed, a line with their medians."""
    fields, figures = list(summaries[0].values), _figure_names(summaries)
    table = plain_table()
    for name in _short_names(fields):
        table.add_column(escape(name), overflow="fold")
    for name in ("parameters", "steps", "seconds", *figures):
        table.add_column(name, justify="right", no_wrap=True)
    has_statuses = any(one.status != DONE for one in summaries)
    if has_statuses:
        table.add_column("", overflow="fold")

    def add_row(one: TrialSummary | SeedMedians, values: dict[str, Any], status: str, style: str | None) -> None:
        cells = [escape(str(values[field])) for field in fields]
        table.add_row(*cells, *_figures(one, figures), *([status] if has_statuses else []), style=style)

    for group in group_by_values(summaries):
        for one in group:
            status = "" if one.status == DONE else STOPPED if one.status == STOPPED else "failed"
            add_row(one, dict(one.values), status, None if one.status == DONE else "yellow")
        for median in medians_over_seeds(group):
            if median.seeds > 1:
                add_row(median, dict(median.values) | {SEED: f"median of {median.seeds}"}, "", "bold")
    return table


def size_table(summaries: Sequence[TrialSummary]) -> Table:
    """Make a table of the accuracy by size, with a line for all trials that differ only in the seed."""
    medians = medians_over_seeds(summaries)
    fields = [field for field in summaries[0].values if field != SEED]
    sizes = list(dict.fromkeys(size for one in medians for size in one.accuracy))
    table = plain_table()
    for name in _short_names(fields):
        table.add_column(escape(name), overflow="fold")
    for size in sizes:
        table.add_column(escape(size), justify="right", overflow="fold")
    for one in medians:
        cells = [_range_cell(one.accuracy.get(size)) for size in sizes]
        table.add_row(*(escape(str(one.values[field])) for field in fields), *cells)
    return table


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
