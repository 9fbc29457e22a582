"""Tables that a terminal and an HTML page show alike. layout.py and html_parts.py draw them."""

from __future__ import annotations

from collections.abc import Sequence

from eval.data import EvalData
from eval.metrics.paired_tests import paired, side_by_side
from eval.reports.format import share_or_dash
from eval.reports.layout import TextTable

LEVEL = 0.05
"""Rows of a paired test are marked where p is below this."""


def side_by_side_text(results: Sequence[EvalData]) -> TextTable:
    """Put the accuracies of solvers beside each other: a row for each task, suite and size."""
    table = side_by_side({result.name: result.table for result in results})
    rows = [[share_or_dash(cell) for cell in row] for row in table.itertuples(index=False)]
    return TextTable(list(table.columns), rows, text_columns=(0, 1), keys=3)


def paired_text(a: EvalData, b: EvalData) -> TextTable:
    """Compare two solvers on the problems that both were asked; rows with p below LEVEL are marked."""
    table = paired(a.rows, b.rows)
    return TextTable(
        heads=["task", "suite", "digits", "n", "both", f"only {a.name}", f"only {b.name}", "neither", "p"],
        rows=[[*map(str, row[:-1]), f"{row[-1]:.2g}"] for row in table.itertuples(index=False)],
        text_columns=(0, 1),
        keys=3,
        marks=["notice" if p < LEVEL else "" for p in table.p],
    )


def error_counts_text(result: EvalData) -> TextTable:
    """List how often each kind of mistake was made."""
    rows = [[row.task, row.kind, f"{row.n:,}"] for row in result.error_counts.itertuples()]
    return TextTable(["task", "kind", "mistakes"], rows, text_columns=(0, 1), keys=2)
