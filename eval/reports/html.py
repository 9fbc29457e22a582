"""One HTML page that says how far solvers can be trusted, as a file of its own.

<h1>How far it can be trusted</h1>
<p>mine</p>
<h2>In short</h2>
<table>... <td>mine</td><td>add</td><td>random</td><td><b>100%</b> <small>1,150 of 1,150, 99.67% to 100%</small></td> ...

The same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from eval.data import EvalData
from eval.metrics.accuracy import is_grid, wilson
from eval.reports import svg
from eval.reports.charts import Heatmap, accuracy_charts, heatmaps
from eval.reports.colours import map_colour
from eval.reports.format import by_length, interval, map_cell, percent
from eval.reports.html_parts import Html, document, escape, folded, short, table, text_table
from eval.reports.learning_charts import learning_charts
from eval.reports.text_table import error_counts_text, paired_text, side_by_side_text

SPLITS = {"held out": "held out", "seen": "seen", "beyond": "beyond training", "unknown": "not trained here"}
"""The values of the column `trained`, with their titles."""
MAX_OPEN_ROWS = 16
"""Rows of a table by length that is not folded."""
SPLITS_NOTE = (
    "<p>Held out: problems never trained on, of lengths that were. Seen: too short to keep any out, so training may "
    "have met them. Beyond training: of lengths never trained on. The intervals are Wilson's, 95%.</p>"
)
PAIRS_NOTE = "<p>Shaded: p below 0.05, where p is McNemar's exact test, two-sided, on the problems that only one got right.</p>"


def page(results: Sequence[EvalData], title: str, *, pairs: bool = False) -> str:
    """Make the page of one or more evaluations.

    Args:
        results: One for each solver.
        title: Plain text.
        pairs: Whether each two solvers are tested against each other too.
    """
    names = ", ".join(result.name for result in results)
    parts = [f"<h1>{escape(title)}</h1><p>{escape(names)}</p>"]
    parts += [_partial(result, f"{result.name}: ") for result in results]
    parts += ["<h2>In short</h2>", _in_short(results)]
    if len(results) > 1:
        parts += ["<h2>Side by side</h2>", "<p>Exact match of each, and the median.</p>", _side_by_side(results)]
    if pairs:
        parts += [_pair(a, b) for a, b in combinations(results, 2)]
        parts.append(PAIRS_NOTE)
    parts.append(svg.section("Accuracy by length", accuracy_charts(results)))
    parts.append(svg.section("Learning", learning_charts(results)))
    parts += [_solver(result) for result in results]
    return document(f"{title}: {names}", parts)


def fragment(result: EvalData) -> str:
    """Make a table by length for a notebook: HTML without a style of its own, which any page can show."""
    parts = [f"<b>{escape(result.name)}</b>", escape(result.partial and f"PARTIAL: {result.partial}"), escape(result.proof)]
    rows = [
        [
            *(row.task, str(row.suite), row.digits, row.trained),
            *(f"{row.correct:,} of {row.n:,}", percent(row.accuracy), interval(row.low, row.high)),
        ]
        for row in result.table.itertuples()
    ]
    heads = ["task", "suite", "digits", "trained", "right", "exact match", "Wilson 95%"]
    return "<br>".join(filter(None, parts)) + table(heads, rows, text_columns=(0, 1))


def _partial(result: EvalData, name: str = "") -> str:
    """A warning where some problems could not be asked; empty where all were."""
    if not result.partial:
        return ""
    return f'<p class="partial"><b>PARTIAL</b> {escape(name + result.partial)}</p>'


def _in_short(results: Sequence[EvalData]) -> str:
    """The accuracy on each task and suite, for held-out and seen problems and those beyond training by themselves."""
    splits = [split for split in SPLITS if any((result.rows.trained == split).any() for result in results)]
    rows = []
    for result in results:
        for (task, suite), group in result.rows.groupby(["task", "suite"], sort=False):
            shares = [_share(group[group.trained == split]) for split in splits]
            rows.append([result.name, task, str(suite), *shares])
    note = SPLITS_NOTE if "held out" in splits or "beyond" in splits else ""
    heads = ["solver", "task", "suite", *(SPLITS[split] for split in splits)]
    proofs = "".join(f"<p><b>{escape(result.name)}</b> {escape(result.proof)}</p>" for result in results if result.proof)
    return short(table(heads, rows, text_columns=(0, 1, 2))) + note + proofs


def _share(rows: pd.DataFrame) -> str:
    """The accuracy on some rows with its interval."""
    asked = rows[rows.outcome != "failed"]
    right, n = int((asked.outcome == "right").sum()), len(asked)
    if not n:
        return "-"
    return Html(f"<b>{percent(right / n)}</b> <small>{right:,} of {n:,}, {interval(*wilson(right, n))}</small>")


def _side_by_side(results: Sequence[EvalData]) -> str:
    text = side_by_side_text(results)
    return folded(f"{len(text.rows)} lengths", text_table(text), is_open=len(text.rows) <= 3 * MAX_OPEN_ROWS)


def _pair(a: EvalData, b: EvalData) -> str:
    title = f"<h4>{escape(a.name)} against {escape(b.name)}, on the problems that both were asked</h4>"
    return title + text_table(paired_text(a, b))


def _solver(result: EvalData) -> str:
    """The part of the page that is about one solver."""
    parts = [f"<h2>{escape(result.name)}</h2>", _partial(result)]
    maps = heatmaps(result)
    if maps:
        axes = dict.fromkeys(f"{one.down} down, {one.across} across" for one in maps)
        parts += [f"<h3>Maps: % exact match, {escape('; '.join(axes))}</h3>", _map_legend(maps)]
        parts.append(f'<div class="side">{"".join(map(_map, maps))}</div>')
    for task, rows in result.table.groupby("task", sort=False):
        title = ", ".join(filter(None, [str(task), by_length([str(task)], rows.digits)]))
        parts.append(f"<h3>{escape(title)}</h3>")
        for index, (suite, suite_rows) in enumerate(rows.groupby("suite", sort=False)):
            parts.append(_by_length(result, str(suite), suite_rows, is_first=index == 0))
    parts.append(_mistakes(result))
    parts.append(f"<h3>What was measured</h3><dl>{_provenance(result.provenance)}</dl>")
    if result.recipe:
        parts.append(folded("recipe.toml", f"<pre>{escape(result.recipe)}</pre>", is_open=False))
    return "\n".join(filter(None, parts))


def _by_length(result: EvalData, suite: str, rows: pd.DataFrame, is_first: bool) -> str:
    """A table of one suite with a row for each length; folded where a map shows it, or all is right and it is not the first."""
    counts = _counts_with_news(result.table)
    cells = [
        [row.digits, row.trained, f"{row.n:,}", f"{row.correct:,}", *map(percent, (row.accuracy, row.low, row.high))]
        + [f"{getattr(row, column):,}" for column in counts.values()]
        for row in rows.itertuples()
    ]
    correct, n = int(rows.correct.sum()), int(rows.n.sum())
    title = f"<b>{escape(suite)}</b>"
    title += f" <small>{correct:,} of {n:,} right, {interval(*wilson(correct, n))}</small>"
    heads = ["digits", "trained", "n", "right", "exact", "95% from", "to", *counts]
    wrong = (rows.correct < rows.n + rows.failed).tolist()
    is_open = (is_first or any(wrong)) and not is_grid(rows) and len(rows) <= MAX_OPEN_ROWS
    return folded(title, table(heads, cells, shaded=wrong), is_open=is_open)


def _counts_with_news(summary: pd.DataFrame) -> dict[str, str]:
    """Titles and columns of further counts, without those that say nothing new for any length."""
    counts = {"valid working": "valid", "right if read leniently": "lenient"}
    counts |= {"unreadable": "unreadable", "unfinished": "unfinished", "not asked": "failed"}
    without = {column for column in counts.values() if not summary[column].any()}
    if (summary.lenient == summary.correct).all():
        without.add("lenient")
    return {title: column for title, column in counts.items() if column not in without}


def _map_legend(maps: Sequence[Heatmap]) -> str:
    shades = ", ".join(map_colour(tenth / 10)[0] for tenth in range(11))
    parts = [f'0 <span class="scale" style="background: linear-gradient(90deg, {shades})"></span> 100']
    if any(any(row) for one in maps for row in one.in_training):
        parts.append('<span class="boxed">outlined</span> lengths of training')
    if any(trained in ("seen", "mixed") for one in maps for row in one.trained for trained in row):
        parts.append("° some or all seen in training; the other cells are held out of it, or beyond")
    return f"<p>{' &nbsp; '.join(parts)}</p>"


def _map(one: Heatmap) -> str:
    lines = []
    for row, left in enumerate(one.lefts):
        cells = "".join(_map_cell(one, row, column) for column in range(len(one.rights)))
        lines.append(f"<tr><th>{left}</th>{cells}</tr>")
    head = "".join(f"<th>{right}</th>" for right in one.rights)
    inside = f'<table class="map"><tr><th></th>{head}</tr>{"".join(lines)}</table>'
    return f'<div class="wide"><h4>{escape(one.title)}</h4>{inside}</div>'


def _map_cell(one: Heatmap, row: int, column: int) -> str:
    share, trained = one.shares[row][column], one.trained[row][column]
    colour, is_light = map_colour(share)
    style = f"background:{colour};color:{'#fff' if is_light else '#000'}"
    caption = f"{one.lefts[row]} by {one.rights[column]}, {trained}: {one.captions[row][column]}"
    borders = " ".join(one.borders(row, column))
    return f'<td class="{borders}" style="{style}" title="{caption}">{map_cell(share, trained)}</td>'


def _mistakes(result: EvalData) -> str:
    """The kinds of mistakes and some examples; empty where there are none."""
    if not result.mistakes:
        return ""
    examples = "".join(f"<pre>{escape(example)}</pre>" for example in result.examples)
    shown = f'<h3>Some of them, in columns</h3><div class="side">{examples}</div>'
    return f"<h3>Kinds of mistakes</h3>{text_table(error_counts_text(result))}{shown}"


def _provenance(facts: Mapping[str, Any], prefix: str = "") -> str:
    """A list of names and values, tables within tables by dotted names with spaces; missing values are left out."""
    parts = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            parts.append(_provenance(value, f"{prefix}{name} "))
        elif value is not None:
            parts.append(f"<dt>{escape((prefix + name).replace('_', ' '))}</dt><dd>{escape(value)}</dd>")
    return "".join(parts)
