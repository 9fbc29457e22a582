"""Variants of a recipe side by side: as tables for a terminal, and as one HTML page.

    variant   parameters   examples to target   seconds        in range         Wilson 95%
    page          26,168               10,240      12.3          99.50%    99.13 to 99.44%
                                       7 of 7            97.81 to 100%

    beside page   measure         difference         p     Holm   helps?
    rope          in range     -12.46 points    0.0156   0.0312   hurts
                            -13.75 to -11.25

What a seed gives is worked out by arithgpt/findings.py, p by paired.py.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from eval.metrics.accuracy import wilson
from eval.metrics.paired_tests import HELPS, HURTS, Comparison
from eval.reports.charts import Chart
from eval.reports.html import document, drawn, listed
from eval.reports.svg import say
from eval.reports.tables import percent, plain_table


@dataclass(frozen=True)
class AccuracySummary:
    """Exact match over several seeds, of the same problems each."""

    median: float
    least: float
    most: float
    right: int
    """Of all seeds together, as `n`."""
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95%, of all problems of all seeds: it is of these trained models alone, not of other seeds."""
        return wilson(self.right, self.n)

    @staticmethod
    def of(right: Sequence[int], n: Sequence[int]) -> AccuracySummary | None:
        """Of each seed, how many of how many; None for no seeds."""
        shares = [one / of for one, of in zip(right, n, strict=True)]
        return AccuracySummary(statistics.median(shares), min(shares), max(shares), sum(right), sum(n)) if shares else None

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        low, high = self.interval
        told = {"median": self.median, "least": self.least, "most": self.most, "right": self.right, "n": self.n}
        return told | {"low": low, "high": high}


@dataclass(frozen=True)
class VariantSummary:
    """One variant over its seeds."""

    variant: str
    values: Mapping[str, Any]
    """Of the fields that vary, by dotted name."""
    parameters: int | None
    seeds: int
    """That were trained and asked; with none there are no figures."""
    reached: int
    """Of them, how many came to the target."""
    to_target: float | None
    """The median of the examples it took; None where it is that of one that did not come to it."""
    seconds: float | None
    """The median of the seconds of training, looks included."""
    in_range: AccuracySummary | None
    beyond: AccuracySummary | None
    by_length: Mapping[str, AccuracySummary | None]
    """Beyond training, length by length."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        shares = {name: getattr(self, name) for name in ("in_range", "beyond")}
        said = {name: value for name, value in vars(self).items() if name not in (*shares, "by_length")}
        said |= {name: one and one.as_dict() for name, one in shares.items()}
        return said | {"by_length": {digits: one and one.as_dict() for digits, one in self.by_length.items()}}


@dataclass(frozen=True)
class Sheet:
    """A table as text; a cell may have several lines."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int
    """How many columns, the first ones, are of words."""
    marked: Sequence[str] = ()
    """Of each row: HELPS, HURTS or anything else."""


def sheets(told: Sequence[VariantSummary], comparisons: Sequence[Comparison], level: float) -> list[Sheet]:
    """What each variant took and came to; what it does beyond the lengths of training; and whether it helps."""
    first = told[0].variant
    found = [
        Sheet(("variant", "parameters", "examples\nto target", "seconds", "in range", "Wilson 95%"), [*map(_row, told)], 1)
    ]
    beyond = [*told[0].by_length]
    if beyond:
        rows = [[one.variant, *(_shares(one.by_length[digits]) for digits in beyond)] for one in told]
        found.append(Sheet(("beyond", *beyond), rows, 1))
    says = [one.says(level) for one in comparisons]
    holm = ("Holm",) if len(told) > 2 else ()
    rows = [[*_compared(one, bool(holm)), said] for one, said in zip(comparisons, says, strict=True)]
    found.append(Sheet((f"beside {first}", "measure", "difference", "p", *holm, "helps?"), rows, 2, says))
    return found


def _row(one: VariantSummary) -> list[str]:
    if not one.seeds:
        return [one.variant, "failed", "-", "-", "-", "-"]
    reached = "not reached" if one.to_target is None else f"{one.to_target:,.0f}"
    interval = "-" if one.in_range is None else _span(*one.in_range.interval)
    return [
        one.variant,
        f"{one.parameters:,}",
        f"{reached}\n{one.reached} of {one.seeds}",
        f"{one.seconds:,.1f}",
        _shares(one.in_range),
        interval,
    ]


def _shares(shares: AccuracySummary | None) -> str:
    return "-" if shares is None else f"{percent(shares.median)}\n{_span(shares.least, shares.most)}"


def _span(low: float, high: float) -> str:
    return percent(low) if low == high else f"{percent(low)} to {percent(high)}".replace("% to", " to")


def _compared(one: Comparison, holm: bool) -> list[str]:
    ps = ["-" if math.isnan(p) else f"{p:.3g}" for p in (one.p, one.corrected)][: 1 + holm]
    if not one.differences:
        return [one.variant, one.measure, "-", *ps]
    scale, decimals, unit = (1, 0, "") if one.unit == 1 else (100, 2, " points")
    mean, least, most = (
        f"{scale * size:+,.{decimals}f}".replace("+0.00", "0.00")
        for size in (one.mean, *(one.unit * end for end in (min(one.differences), max(one.differences))))
    )
    return [one.variant, one.measure, f"{mean}{unit}\n{least if least == most else f'{least} to {most}'}", *ps]


def terminal(sheet: Sheet) -> Table:
    """A sheet for a terminal; of cells with several lines all but the first are dim."""
    table = plain_table()
    for at, head in enumerate(sheet.heads):
        words = at < sheet.left or head == "helps?"
        table.add_column(escape(head), justify="left" if words else "right", overflow="fold", no_wrap=not words)
    styles = {HELPS: "green", HURTS: "yellow"}
    for row, mark in zip(sheet.rows, sheet.marked or [""] * len(sheet.rows), strict=True):
        cells = [escape(cell).partition("\n") for cell in row]
        table.add_row(*(f"{top}{line}[dim]{rest}[/]" if rest else top for top, line, rest in cells), style=styles.get(mark))
    return table


def page(title: str, tables: Sequence[Sheet], notes: Sequence[str], charts: Sequence[Chart], recipe: str) -> str:
    """One HTML page of it all, without scripts or anything to fetch. The same findings give the same bytes."""
    parts = [f"<h1>{say(title)}</h1>"]
    for sheet in tables:
        parts.append(listed(sheet.heads, sheet.rows, left=sheet.left, wrong=[mark in (HELPS, HURTS) for mark in sheet.marked]))
    parts += [f"<p>{say(note)}</p>" for note in notes]
    parts.append(drawn("Accuracy", charts))
    parts.append(f"<details><summary>recipe.toml of the baseline, its first seed</summary><pre>{say(recipe)}</pre></details>")
    return document(title, parts)
