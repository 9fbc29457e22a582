"""What training logged, as charts: the loss, and the accuracy on held-out problems at each validation."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from eval.data import EvalData
from eval.reports.charts import Chart, Line, group_seeds, median_line
from eval.reports.colours import Colour, line_colour, shade

T = TypeVar("T")
Log: TypeAlias = Sequence[Mapping[str, Any]]
"""The lines of a run's metrics.jsonl. Lines of training have step, examples, seconds and loss; those of a validation have
step and accuracy, the exact match by length."""

MAX_POINTS = 400
"""Points of a line, about at most."""
EXAMPLES = "training examples"
SECONDS = "seconds, validation included"
_SIZE = "0123456789x"


def learning_charts(results: Sequence[EvalData]) -> list[Chart]:
    """Make the charts of the loss by examples and by seconds, and of the held-out accuracy of each length by examples."""
    groups = [
        (name, [result.metrics for result in group])
        for name, group in group_seeds([result for result in results if result.metrics])
    ]
    charts = []
    for key, x_name in (("examples", EXAMPLES), ("seconds", SECONDS)):
        lines = [line for index, (name, logs) in enumerate(groups) for line in _loss_lines(name, logs, key, line_colour(index))]
        if lines:
            charts.append(Chart(f"loss by {key}", x_name, "loss", lines))
    for name, logs in groups:
        charts += _validation_charts(f": {name}" if len(groups) > 1 else "", logs)
    return charts


def worst_length_chart(groups: Mapping[str, Sequence[Log]]) -> Chart:
    """Make the chart of the held-out accuracy of the worst length by examples.

    Args:
        groups: The logs of one or more runs by a name for the legend; of several runs the median is drawn thick.
    """
    lines: list[Line] = []
    for index, (name, logs) in enumerate(groups.items()):
        colour, of_group = line_colour(index), []
        for log in logs:
            batch = _batch_size(log)
            points = [(entry["step"] * batch, min(entry["accuracy"].values())) for entry in log if entry.get("accuracy")]
            if points:
                x, y = zip(*_thinned(points), strict=True)
                of_group.append(Line(name if len(logs) == 1 else "", x, y, colour, thin=len(logs) > 1))
        lines += of_group if len(logs) == 1 else [*of_group, *median_line(name, of_group, colour)]
    return Chart("the worst length", EXAMPLES, "exact match", lines, share=True)


def _loss_lines(name: str, logs: Sequence[Log], key: str, colour: Colour) -> list[Line]:
    """The loss of each run by `key`, and the median of several runs at the steps that all of them logged."""
    runs = [[entry for entry in log if entry.get("loss", 0) > 0 and key in entry] for log in logs]
    runs = [_thinned(run) for run in runs if run]
    alone = len(runs) == 1
    lines = [
        Line(name if alone else "", [entry[key] for entry in run], [entry["loss"] for entry in run], colour, thin=not alone)
        for run in runs
    ]
    if len(runs) > 1:
        by_step = [{entry["step"]: entry for entry in run} for run in runs]
        steps = sorted(set(by_step[0]).intersection(*by_step[1:]))
        x, y = ([statistics.median(run[step][field] for run in by_step) for step in steps] for field in (key, "loss"))
        lines.append(Line(name, x, y, colour))
    return lines


def _validation_charts(suffix: str, logs: Sequence[Log]) -> list[Chart]:
    """A chart for each operator of a mixture, with a line for each of its lengths: the median of several runs."""
    validations = [_thinned([entry for entry in log if entry.get("accuracy")]) for log in logs]
    keys = list(dict.fromkeys(key for run in validations for entry in run for key in entry["accuracy"]))
    batch = _batch_size(logs[0])
    charts = []
    for operator in dict.fromkeys(key.rstrip(_SIZE) for key in keys):
        sizes = [key for key in keys if key.rstrip(_SIZE) == operator]
        lines = []
        for index, key in enumerate(sizes):
            colour = shade(index, len(sizes))
            runs = [
                [(entry["step"] * batch, entry["accuracy"][key]) for entry in run if key in entry["accuracy"]]
                for run in validations
            ]
            thin = [Line("", [x for x, _ in run], [y for _, y in run], colour, thin=True) for run in runs if run]
            lines += median_line(key.removeprefix(operator) or "all", thin, colour)
        has_lengths = sizes != [operator]  # the key `-` alone stands for problems without lengths
        title = f"held-out accuracy by length{', ' * bool(operator)}{operator}" if has_lengths else "held-out accuracy"
        title += suffix
        charts.append(Chart(title, EXAMPLES, "exact match", lines, share=True))
    return charts


def _batch_size(log: Log) -> float:
    """Examples of a step; 1 where the log does not say."""
    return next((entry["examples"] / entry["step"] for entry in log if entry.get("examples") and entry["step"]), 1)


def _thinned(entries: list[T]) -> list[T]:
    """Every k-th entry and the last, so that there are about MAX_POINTS at most."""
    stride = -(-len(entries) // MAX_POINTS) or 1
    return entries[::stride] + (entries[-1:] if entries and (len(entries) - 1) % stride else [])
