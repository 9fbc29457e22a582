"""What charts and maps show, as numbers: the one source that svg.py, html.py, tables.py and figures.py draw from.

    Chart("add, random", "digits", "exact match", [Line("mine", x=[1, 2, 3], y=[1.0, 1.0, 0.98], ...)])
    Heatmap("mine, mul, random", lefts=[1, 2], rights=[1, 2], shares=[[1.0, 1.0], [1.0, 0.95]], ...)

Runs whose recipes differ in nothing but the seed are drawn as thin lines, and their median as a thick one.
"""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from eval.data import EvalData
from eval.metrics.accuracy import is_grid, wilson
from eval.reports.colours import Colour, line_colour
from eval.reports.format import interval, length_names
from tasks.sizes import SizeRange

LOG_FROM = 20
"""Lengths above this many digits are drawn on a logarithmic axis, if they are also LOG_RATIO times the shortest."""
LOG_RATIO = 8


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    name: str
    """Its name in the legend; empty where it has no entry of its own."""
    x: Sequence[float]
    y: Sequence[float]
    colour: Colour
    low: Sequence[float] = ()
    """The lower end of each point's Wilson 95% interval; empty where there is none."""
    high: Sequence[float] = ()
    """The upper end."""
    thin: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines on two axes."""

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]
    share: bool = False
    """Whether y goes from 0 to 100%; otherwise it is logarithmic."""
    log_x: bool = False
    x_ticks: Sequence[float] = ()
    """Where the x axis has its marks; empty: at round numbers."""
    trained: tuple[float, float] | None = None
    """The part of the x axis that training covers."""


@dataclass(frozen=True)
class Heatmap:
    """Exact match by the lengths of both operands. Lists of lists have a row for each left and a column for each right."""

    title: str
    lefts: Sequence[int]
    """Digits of the left operand, one for each row."""
    rights: Sequence[int]
    """Digits of the right operand, one for each column."""
    shares: Sequence[Sequence[float]]
    """From 0 to 1; nan where no problem was answered."""
    trained: Sequence[Sequence[str]]
    """"held out", "seen", "beyond", "mixed" or "unknown"."""
    captions: Sequence[Sequence[str]]
    """As in `19 of 20 right, 76.39% to 99.11%`."""
    in_training: Sequence[Sequence[bool]]
    """Whether the size is one of training."""
    down: str = "digits of the left operand"
    """What `lefts` count."""
    across: str = "digits of the right operand"
    """What `rights` count."""

    def borders(self, row: int, column: int) -> str:
        """Return the sides of a cell where the sizes of training end: some of "tblr", for top, bottom, left and right."""
        if not self.in_training[row][column]:
            return ""
        neighbours = {"t": (row - 1, column), "b": (row + 1, column), "l": (row, column - 1), "r": (row, column + 1)}
        return "".join(side for side, cell in neighbours.items() if not self._is_in_training(*cell))

    def _is_in_training(self, row: int, column: int) -> bool:
        """The same as `in_training`, and False outside of the map."""
        return 0 <= row < len(self.lefts) and 0 <= column < len(self.rights) and self.in_training[row][column]


def group_seeds(results: Sequence[EvalData]) -> list[tuple[str, list[EvalData]]]:
    """Group runs that differ in their seed only, and name each group; any other result is a group of its own."""
    groups: dict[Any, list[EvalData]] = {}
    for index, result in enumerate(results):
        recipe = {key: value for key, value in tomllib.loads(result.recipe).items() if key != "seed"}
        groups.setdefault(repr(recipe) if recipe else index, []).append(result)
    return [(group[0].name if len(group) == 1 else _median_name(group), group) for group in groups.values()]


def _median_name(group: Sequence[EvalData]) -> str:
    """`median of add-0, add-1, add-2`, or of `add-0 to add-9` where there are more than three."""
    names = [result.name for result in group]
    return "median of " + (", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]}")


def accuracy_charts(results: Sequence[EvalData], groups: Mapping[str, Sequence[EvalData]] | None = None) -> list[Chart]:
    """Make a chart for each task and suite that was asked at two lengths at least, with a line for each solver.

    The length of a problem is that of its longer operand, or its number of operators. Problems of one length are counted
    together.

    Args:
        results: What to draw.
        groups: Results that are drawn thin, with their median thick, by the name of the median. None: seeds are grouped.
    """
    asked = pd.concat([result.table[["task", "suite"]] for result in results]).drop_duplicates()
    named = group_seeds(results) if groups is None else list(groups.items())
    charts = []
    for task, suite in asked.itertuples(index=False):
        summaries = [_select(result.table, task, suite) for result in results]
        lines = [line for index, group in enumerate(named) for line in _accuracy_lines(line_colour(index), *group, task, suite)]
        lengths = sorted({x for line in lines for x in line.x})
        if len(lengths) < 2:
            continue
        unequal = any((summary.left != summary.right).any() for summary in summaries)
        names = length_names(task)
        charts.append(
            Chart(
                title=f"{task}, {suite}",
                x_name=names[0] if names else "digits of the longer operand" if unequal else "digits",
                y_name="exact match",
                lines=lines,
                share=True,
                log_x=lengths[-1] > LOG_FROM and lengths[-1] > LOG_RATIO * lengths[0],
                x_ticks=lengths,
                trained=_trained_span(summaries),
            )
        )
    return charts


def _select(summary: pd.DataFrame, task: str, suite: str) -> pd.DataFrame:
    """The rows of one task and suite, with a column `length`."""
    rows = summary[(summary.task == task) & (summary.suite == suite)]
    return rows.assign(length=rows.left if length_names(task) else rows[["left", "right"]].max(axis=1))


def _accuracy_lines(colour: Colour, name: str, group: Sequence[EvalData], task: str, suite: str) -> list[Line]:
    """A line with its intervals for a group of one; a thin line for each of several, and their median."""
    lines = []
    for result in group:
        counts = _select(result.table, task, suite).groupby("length")[["correct", "n"]].sum()
        counts = counts[counts.n > 0]
        if counts.empty:
            continue
        x, correct, n = counts.index.tolist(), counts.correct.tolist(), counts.n.tolist()
        y = [part / whole for part, whole in zip(correct, n, strict=True)]
        if len(group) == 1:
            low, high = zip(*map(wilson, correct, n), strict=True)
            lines.append(Line(name, x, y, colour, low=low, high=high))
        else:
            lines.append(Line("", x, y, colour, thin=True))
    return lines if len(group) == 1 else [*lines, *median_line(name, lines, colour)]


def median_line(name: str, lines: Sequence[Line], colour: Colour) -> list[Line]:
    """Make the line of the medians, at each x that all lines have; an empty list where there are no lines."""
    if not lines:
        return []
    points = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    x = sorted(set(points[0]).intersection(*points[1:]))
    return [Line(name, x, [statistics.median(line[at] for line in points) for at in x], colour)]


def _trained_span(summaries: Iterable[pd.DataFrame]) -> tuple[float, float] | None:
    """The shortest and longest length at which no trained solver was asked anything beyond its training."""
    rows = pd.concat(summaries)
    rows = rows[rows.trained != "unknown"]
    lengths = sorted(set(rows.length) - set(rows.length[rows.trained == "beyond"]))
    return (lengths[0], lengths[-1]) if lengths else None


def heatmaps(result: EvalData) -> list[Heatmap]:
    """Make a map for each task and suite whose sizes form a grid."""
    groups = result.table.groupby(["task", "suite"], sort=False)
    return [heatmap(result, str(task), str(suite), rows) for (task, suite), rows in groups if is_grid(rows)]


def heatmap(result: EvalData, task: str, suite: str, summary: pd.DataFrame) -> Heatmap:
    """Make the map of one task and suite.

    Args:
        result: The evaluation.
        task, suite: Their names.
        summary: The rows of its summary that belong to them; their sizes form a grid.
    """
    lefts, rights = sorted(summary.left.unique().tolist()), sorted(summary.right.unique().tolist())
    by_size = {(row.left, row.right): row for row in summary.itertuples()}
    rows = [[by_size[left, right] for right in rights] for left in lefts]
    ranges = result.training_sizes.get(task, ())
    down, across = length_names(task) or (Heatmap.down, Heatmap.across)
    return Heatmap(
        title=f"{result.name}, {task}, {suite}",
        lefts=lefts,
        rights=rights,
        shares=[[cell.accuracy for cell in row] for row in rows],
        trained=[[cell.trained for cell in row] for row in rows],
        captions=[[f"{cell.correct} of {cell.n} right, {interval(cell.low, cell.high)}" for cell in row] for row in rows],
        in_training=[[_is_within(left, right, ranges) for right in rights] for left in lefts],
        down=down,
        across=across,
    )


def _is_within(left: int, right: int, ranges: Iterable[SizeRange]) -> bool:
    """Whether a size lies in one of the ranges."""
    return any(one.left[0] <= left <= one.left[1] and one.right[0] <= right <= one.right[1] for one in ranges)
