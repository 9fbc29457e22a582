"""Tables of results for a terminal; each fits 80 columns where the number of lengths allows it."""

from __future__ import annotations

import io
import math
from typing import Any

import pandas as pd
from rich.console import Console

from eval.data import EvalData
from eval.metrics.accuracy import is_grid
from eval.reports.charts import Heatmap, heatmap
from eval.reports.format import SEEN_MARK, by_length, length_names, percent, short_interval
from eval.reports.layout import Mark, TextTable

SUITES_BESIDE = 2
"""Suites that have room beside the first one; one less where a count has five digits."""
MANY = 10_000
MARKS = {"seen": SEEN_MARK, "mixed": SEEN_MARK, "beyond": "›"}
GRID_DECIMALS = {9: 2, 11: 1, math.inf: 0}
"""Decimals that a grid has room for, by its number of columns at most."""


def result_tables(result: EvalData) -> list[TextTable | str]:
    """Make the tables of a result with their titles, and say what is proven.

    Each task has a grid where its sizes form one, else a row a length.
    """
    tables: list[TextTable | str] = []
    for task, rows in result.table.groupby("task", sort=False):
        by_suite = []
        for suite, suite_rows in rows.groupby("suite", sort=False):
            if is_grid(suite_rows):
                grid = heatmap(result, str(task), str(suite), suite_rows)
                tables += [f"{result.name}, {task}, {suite}: exact match in % by {_grid_axes(str(task))}", grid_table(grid)]
                tables += [*filter(None, [_grid_legend(suite_rows)]), _totals(suite_rows)]
            else:
                by_suite.append(suite_rows)
        if by_suite:
            room = SUITES_BESIDE - (rows.n.max() >= MANY)
            beside = by_suite if len(by_suite) <= 1 + room else by_suite[:1]
            title = f"{result.name}, {task}: exact match {by_length([str(task)], rows.digits)}".rstrip()
            tables += [title, length_table(pd.concat(beside))]
            if len(by_suite) > len(beside):
                title = f"{result.name}, {task}: right of the problems of each suite"
                tables += [title, suites_table(pd.concat(by_suite[1:]))]
    return [*tables, *filter(None, [result.proof])]


def plain_text(result: EvalData, width: int = 100) -> str:
    """Write the tables of a result as plain text.

    Args:
        result: The result.
        width: Columns that tables may take.
    """
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None, force_jupyter=False)
    for table in result_tables(result):
        console.print(table, soft_wrap=isinstance(table, str))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def _grid_axes(task: str) -> str:
    """What the rows and columns of a grid are."""
    names = length_names(task)
    return f"{names[0]}, down, and {names[1]}, across" if names else "digits, left operand down, right across"


def grid_table(grid: Heatmap) -> TextTable:
    """Make a table of a map in %, with MARKS for problems that training may have met, or of sizes beyond it."""
    decimals = next(decimals for columns, decimals in GRID_DECIMALS.items() if len(grid.rights) <= columns)
    rows, cell_marks = [], []
    for left, shares, trained in zip(grid.lefts, grid.shares, grid.trained, strict=True):
        cells = [*zip(shares, trained, strict=True)]
        rows.append([str(left), *(_grid_cell(*cell, decimals) for cell in cells)])
        cell_marks.append(["", *(_grid_mark(*cell) for cell in cells)])
    return TextTable(["", *(f"{right} " for right in grid.rights)], rows, cell_marks=cell_marks)


def _grid_cell(share: float, trained: str, decimals: int) -> str:
    """The text of a cell of a grid."""
    return percent(share, decimals).removesuffix("%") + MARKS.get(trained, " ")


def _grid_mark(share: float, trained: str) -> Mark:
    """How a cell of a grid is drawn."""
    return "notice" if share < 1 else "quiet" if trained == "beyond" else ""


def _grid_legend(rows: pd.DataFrame) -> str:
    """What the marks of a grid mean; empty where it has none."""
    trained = set(rows.trained)
    meanings = {
        SEEN_MARK: "some or all seen in training" if "mixed" in trained else "seen in training",
        "›": "beyond its lengths",
    }
    parts = [f"{mark} {meanings[mark]}" for mark in dict.fromkeys(MARKS[kind] for kind in MARKS if kind in trained)]
    if parts and "held out" in trained:
        parts.append("unmarked: held out of it")
    return ", ".join(parts)


def _totals(rows: pd.DataFrame) -> str:
    """How many of all problems of a grid are right, and its worst cell."""
    n, correct, valid = (int(rows[name].sum()) for name in ("n", "correct", "valid"))
    worst = rows.sort_values(["accuracy", "low"]).iloc[0]
    return (
        f"{correct:,} of {n:,} right, {valid:,} of those with a valid working\n"
        f"the worst cell, {worst.digits}: {worst.correct} of {worst.n}, {percent(worst.low)} to {percent(worst.high)}"
    )


def length_table(summary: pd.DataFrame) -> TextTable:
    """Make a table of exact match by length: the first suite in full, the others as right/asked.

    Columns: `valid` is the share of right answers with a valid working. `none` counts unreadable and unfinished answers of all
    suites. `failed` counts problems that could not be asked, and is left out where there are none.

    Args:
        summary: The rows of one task in `EvalData.table`; suites may have different lengths.
    """
    first, *others = summary.suite.unique()
    partial = ["failed"] if summary.failed.any() else []
    exact = "exact" if first == "random" else first
    heads = ["digits", "trained", "n", exact, "95%", "valid", *others, "none", *partial]
    lines = []
    for digits, rows in summary.groupby("digits", sort=False):
        by_suite = {row.suite: row for row in rows.itertuples()}
        lines.append(
            [
                str(digits),
                str(rows.iloc[0].trained),
                *(_full_cells(by_suite[first]) if first in by_suite else ["-"] * 4),
                *(_right_of_asked(by_suite.get(suite)) for suite in others),
                str(int(rows.unreadable.sum() + rows.unfinished.sum())),
                *(str(int(rows[name].sum())) for name in partial),
            ]
        )
    return TextTable(heads, lines, text_columns=(1,), marks=_length_marks(summary))


def _length_marks(summary: pd.DataFrame) -> list[Mark]:
    """A mark for each length of which something is wrong."""
    return ["" if (rows.correct == rows.n).all() else "notice" for _, rows in summary.groupby("digits", sort=False)]


def _full_cells(row: Any) -> list[str]:
    """How many were asked, the share that is right with its interval, and the share of valid workings among them."""
    valid = percent(row.valid / row.correct) if row.correct else "-"
    return [str(row.n), percent(row.accuracy), short_interval(row.low, row.high), valid]


def _right_of_asked(row: Any) -> str:
    """`19/20`; `-` where this length was not asked."""
    return f"{row.correct}/{row.n}" if row is not None else "-"


def suites_table(summary: pd.DataFrame) -> TextTable:
    """Make a table of right/asked: a row for each length, a column for each suite."""
    suites = list(summary.suite.unique())
    lines = []
    for digits, rows in summary.groupby("digits", sort=False):
        by_suite = {row.suite: row for row in rows.itertuples()}
        lines.append([str(digits), *(_right_of_asked(by_suite.get(suite)) for suite in suites)])
    return TextTable(["digits", *suites], lines, marks=_length_marks(summary))


def first_errors_table(counts: pd.DataFrame) -> TextTable:
    """Make a table of the characters that were wrong first, as `eval.metrics.first_error.first_errors` counts them."""
    rows = [
        [row.number, row.character, str(row.wrong), f"{row.reached:,}", f"{row.rate:.1e}", row.lines]
        for row in counts[counts.wrong > 0].itertuples()
    ]
    heads = ("in the number after", "character", "first wrong", "of", "rate", "on lines")
    return TextTable(heads, rows, text_columns=(1, 5), prose=(5,), keys=2)
