"""What an ablation found, as tables for a terminal and as one HTML page.

    variant   parameters   examples to target   seconds        in range         Wilson 95%
    page          26,168               10,240      12.3          99.50%    99.13 to 99.44%
                                       7 of 7            97.81 to 100%

    beside page   measure         difference         p     Holm   helps?
    rope          in range     -12.46 points    0.0156   0.0312   hurts
                            -13.75 to -11.25

arithgpt/experiments/ablation_summary.py computes the figures, eval/metrics/paired_tests.py the p.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.metrics.accuracy import wilson
from eval.metrics.paired_tests import HELPS, HURTS, Comparison
from eval.reports import svg
from eval.reports.charts import Chart
from eval.reports.format import percent, short_interval
from eval.reports.html_parts import document, escape, folded
from eval.reports.html_parts import text_table as html_table
from eval.reports.layout import Mark, TextTable

MARKS: dict[str, Mark] = {HELPS: "good", HURTS: "notice"}


@dataclass(frozen=True)
class AccuracySummary:
    """Exact match over several seeds that were asked the same problems."""

    median: float
    least: float
    most: float
    right: int
    """Right answers of all seeds together."""
    n: int
    """Problems of all seeds together."""

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95% interval over all problems of all seeds: it is about these trained models, not about other seeds."""
        return wilson(self.right, self.n)

    @staticmethod
    def of(right: Sequence[int], n: Sequence[int]) -> AccuracySummary | None:
        """Summarise seeds; None where there are none.

        Args:
            right: Right answers of each seed.
            n: Problems of each seed.
        """
        shares = [part / whole for part, whole in zip(right, n, strict=True)]
        return AccuracySummary(statistics.median(shares), min(shares), max(shares), sum(right), sum(n)) if shares else None

    def as_dict(self) -> dict[str, float]:
        """Return the values for JSON."""
        low, high = self.interval
        return {**vars(self), "low": low, "high": high}


@dataclass(frozen=True)
class VariantSummary:
    """One variant over its seeds."""

    variant: str
    values: Mapping[str, Any]
    """The values of the fields that vary, by dotted name."""
    parameters: int | None
    seeds: int
    """Seeds that were trained and asked; where there are none, there are no figures."""
    reached: int
    """How many of them reached the target."""
    to_target: float | None
    """The median of the examples needed; None where the median seed did not reach the target."""
    seconds: float | None
    """The median of the seconds of training, validations included."""
    in_range: AccuracySummary | None
    beyond: AccuracySummary | None
    by_length: Mapping[str, AccuracySummary | None]
    """Accuracy at each length beyond training."""

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON."""
        summaries = {name: getattr(self, name) for name in ("in_range", "beyond")}
        values = {name: value for name, value in vars(self).items() if name not in (*summaries, "by_length")}
        values |= {name: summary and summary.as_dict() for name, summary in summaries.items()}
        return values | {"by_length": {digits: one and one.as_dict() for digits, one in self.by_length.items()}}


def variant_tables(variants: Sequence[VariantSummary], comparisons: Sequence[Comparison], level: float) -> list[TextTable]:
    """Make three tables: what each variant took and reached, its accuracy beyond training, and whether it helps.

    Args:
        variants: The baseline first.
        comparisons: Each variant compared with the baseline, in each measure.
        level: The corrected p from which on a variant helps or hurts.
    """
    heads = ("variant", "parameters", "examples\nto target", "seconds", "in range", "Wilson 95%")
    tables = [TextTable(heads, [*map(_training_row, variants)], text_columns=(0,))]
    lengths = [*variants[0].by_length]
    if lengths:
        rows = [[one.variant, *(_accuracy(one.by_length[length]) for length in lengths)] for one in variants]
        tables.append(TextTable(("beyond", *lengths), rows, text_columns=(0,)))
    several = len(variants) > 2
    verdicts = [one.says(level) for one in comparisons]
    rows = [[*_comparison_row(one, several), verdict] for one, verdict in zip(comparisons, verdicts, strict=True)]
    holm = ("Holm",) if several else ()
    heads = (f"beside {variants[0].variant}", "measure", "difference", "p", *holm, "helps?")
    marks = [MARKS.get(verdict, "") for verdict in verdicts]
    return [*tables, TextTable(heads, rows, text_columns=(0, 1, len(heads) - 1), marks=marks, keys=2)]


def _training_row(one: VariantSummary) -> list[str]:
    """What a variant took, and its accuracy in range."""
    if not one.seeds:
        return [one.variant, "failed", "-", "-", "-", "-"]
    needed = "not reached" if one.to_target is None else f"{one.to_target:,.0f}"
    return [
        one.variant,
        f"{one.parameters:,}",
        f"{needed}\n{one.reached} of {one.seeds}",
        f"{one.seconds:,.1f}",
        _accuracy(one.in_range),
        "-" if one.in_range is None else _span(*one.in_range.interval),
    ]


def _accuracy(summary: AccuracySummary | None) -> str:
    """The median, and below it the least to the most."""
    return "-" if summary is None else f"{percent(summary.median)}\n{_span(summary.least, summary.most)}"


def _span(low: float, high: float) -> str:
    """An interval; one figure where both ends are the same."""
    return percent(low) if low == high else short_interval(low, high)


def _comparison_row(one: Comparison, with_holm: bool) -> list[str]:
    """The mean difference, below it the least to the most, and p."""
    ps = ["-" if math.isnan(p) else f"{p:.3g}" for p in (one.p, one.corrected)][: 1 + with_holm]
    if not one.differences:
        return [one.variant, one.measure, "-", *ps]
    is_count = one.unit == 1
    least, most = (one.unit * end for end in (min(one.differences), max(one.differences)))
    mean, least_text, most_text = (_difference(value, is_count) for value in (one.mean, least, most))
    unit = "" if is_count else " points"
    span = least_text if least_text == most_text else f"{least_text} to {most_text}"
    return [one.variant, one.measure, f"{mean}{unit}\n{span}", *ps]


def _difference(value: float, is_count: bool) -> str:
    """A difference with its sign: a count as a whole number, a share in percentage points."""
    return f"{value:+,.0f}" if is_count else f"{100 * value:+,.2f}".replace("+0.00", "0.00")


def page(title: str, tables: Sequence[TextTable], notes: Sequence[str], charts: Sequence[Chart], recipe: str) -> str:
    """Make one HTML page of everything, as a file of its own. The same findings give the same bytes.

    Args:
        title: Plain text, as all of these.
        tables: What `variant_tables` returns.
        notes: Paragraphs below the tables.
        charts: What is drawn below them.
        recipe: The recipe of the baseline, as TOML.
    """
    parts = [f"<h1>{escape(title)}</h1>", *map(html_table, tables)]
    parts += [f"<p>{escape(note)}</p>" for note in notes]
    parts.append(svg.section("Accuracy", charts))
    parts.append(folded("recipe.toml of the baseline, its first seed", f"<pre>{escape(recipe)}</pre>", is_open=False))
    return document(title, parts)
