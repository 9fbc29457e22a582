"""One HTML page that says how far solvers can be trusted: a file of its own, without scripts, fonts or anything to fetch.

<h1>How far it can be trusted</h1>
<p>mine</p>
<h2>In short</h2>
<table>... <td>mine</td><td>add</td><td>random</td><td><b>100%</b> <small>1,150 of 1,150, 99.67% to 100%</small></td> ...

The same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from eval.metrics.accuracy import is_grid, wilson
from eval.metrics.side_by_side import paired, side_by_side
from eval.reports import charts as curves
from eval.reports import svg
from eval.reports.svg import say
from eval.reports.tables import lengths_title, percent, suite_title
from eval.result import EvalResult

MET = ("held out", "seen", "beyond", "unknown")
MET_TITLES = {"beyond": "beyond training", "unknown": "not trained here"}
OPEN_ROWS = 16  # of a table by length that is shown unasked

STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --quiet: #59636e; --rule: #d8dee4; --soft: #f3f5f7;
  --alarm: #fff1c2; --box: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --text: #e4e8ec; --quiet: #9aa4ae; --rule: #333a41;
  --soft: #1d2226; --alarm: #4a3a06; } }
body { background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto;
  padding: 0 1.5rem; }
h1, h2, h3, h4 { line-height: 1.25; } h1 { margin-bottom: .2rem; } h4 { margin: 1.2rem 0 .4rem; }
h2 { margin: 2.6rem 0 .8rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
p, .quiet, summary small, td small, figcaption { color: var(--quiet); }
.partial { background: var(--alarm); color: var(--text); padding: .6rem .9rem; border-radius: 6px; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .side { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; align-items: flex-start; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .4rem 0 .8rem; }
th { color: var(--quiet); font-weight: 500; text-align: right; padding: .25rem .8rem; border-bottom: 1px solid var(--rule); }
td { text-align: right; padding: .2rem .8rem; border-bottom: 1px solid var(--soft); white-space: nowrap; }
th.left, td.left { text-align: left; } tr.wrong td { background: var(--soft); }
table.map { border-collapse: separate; border-spacing: 0; }
table.map th { border: 0; padding: .1rem .5rem; text-align: center; }
table.map td { min-width: 2.9rem; height: 1.9rem; padding: 0 .3rem; border: 0; text-align: center;
  box-shadow: var(--t, 0 0), var(--b, 0 0), var(--l, 0 0), var(--r, 0 0); }
td.t { --t: inset 0 3px var(--box); } td.b { --b: inset 0 -3px var(--box); }
td.l { --l: inset 3px 0 var(--box); } td.r { --r: inset -3px 0 var(--box); }
.short td { vertical-align: top; } .short small { display: block; }
.scale { display: inline-block; width: 9rem; height: .8rem; border-radius: 3px; vertical-align: -1px; }
.boxed { border: 2px solid var(--box); border-radius: 3px; padding: 0 .3rem; }
details { margin: .5rem 0; } summary { cursor: pointer; } pre { background: var(--soft); padding: .8rem 1rem;
  border-radius: 6px; overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; margin: .3rem 0;
  max-width: 100%; box-sizing: border-box; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: .5rem 2rem; }
figure { margin: 0; } svg { width: 100%; height: auto; } svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
text.x { text-anchor: middle; } text.y { text-anchor: end; } .rule { stroke: var(--rule); } .trained { fill: var(--soft); }
.c { color: var(--light); } @media (prefers-color-scheme: dark) { .c { color: var(--dark); } }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.line.thin { stroke-width: 1; opacity: .55; }
.band { fill: currentColor; opacity: .18; } circle { fill: currentColor; }
figcaption { font-size: 13px; } figcaption span { margin-right: 1rem; white-space: nowrap; }
figcaption i { display: inline-block; width: 1.1rem; height: 3px; background: currentColor; vertical-align: 4px;
  margin-right: .35rem; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
@media print { details > * { display: block; } }
"""


def page(results: Sequence[EvalResult], title: str, *, pairs: bool = False) -> str:
    """The page of what was measured of one or more solvers, with `pairs` also each two of them tested against each other."""
    names = ", ".join(result.name for result in results)
    parts = [f"<h1>{say(title)}</h1><p>{say(names)}</p>"]
    parts += [f'<p class="partial"><b>PARTIAL</b> {say(one.name)}: {say(one.partial)}</p>' for one in results if one.partial]
    parts += ["<h2>In short</h2>", _in_short(results)]
    if len(results) > 1:
        parts += ["<h2>Side by side</h2>", "<p>Exact match of each, and the median.</p>", _side_by_side(results)]
    if pairs:
        parts += [_pair(one, other) for one, other in combinations(results, 2)]
        parts.append(
            "<p>Shaded: p below 0.05, where p is McNemar's exact test, two-sided, on the problems that only one got right.</p>"
        )
    parts.append(drawn("Accuracy by length", curves.accuracy_charts(results)))
    parts.append(drawn("Learning", curves.learning_charts(results)))
    parts += [_solver(result) for result in results]
    return document(f"{title}: {names}", parts)


def document(title: str, parts: Iterable[str]) -> str:
    """A page of its own of parts that are HTML; empty ones are left out."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{say(title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def listed(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int, wrong: Iterable[bool]) -> str:
    """`table` of text whose cells may have several lines, all but the first of them small."""

    def shown(cell: str) -> _Html:
        top, line, rest = cell.partition("\n")
        return _Html(f"{say(top)} <small>{say(rest)}</small>" if line else say(top))

    cells = [[*map(shown, row)] for row in rows]
    return f'<div class="short">{table([head.replace(chr(10), " ") for head in heads], cells, left, wrong)}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], left: int = 0, wrong: Iterable[bool] = ()) -> str:
    """A table whose first `left` columns are text, the rest figures; `wrong` says of each row whether to shade it."""
    sides = ["left" if at < left else "figure" for at in range(len(heads))]
    top = "".join(f'<th class="{side}">{say(head)}</th>' for side, head in zip(sides, heads, strict=True))
    marked, lines = iter(wrong), []
    for row in rows:
        cells = "".join(
            f'<td class="{side}">{cell if isinstance(cell, _Html) else say(cell)}</td>'
            for side, cell in zip(sides, row, strict=True)
        )
        lines.append(f"<tr{' class=wrong' if next(marked, False) else ''}>{cells}</tr>")
    return f'<div class="wide"><table><tr>{top}</tr>\n{chr(10).join(lines)}</table></div>'


class _Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def _in_short(results: Sequence[EvalResult]) -> str:
    """Right of all problems of a task and suite, apart for those held out, seen and beyond the lengths of training."""
    met = [kind for kind in MET if any((result.rows.trained == kind).any() for result in results)]
    rows = []
    for result in results:
        for (task, suite), own in result.rows.groupby(["task", "suite"], sort=False):
            rows.append([result.name, task, suite_title(suite), *(_share(own[own.trained == kind]) for kind in met)])
    note = ""
    if "held out" in met or "beyond" in met:
        note = (
            "<p>Held out: problems never trained on, of lengths that were. Seen: too short to keep any out, so training may "
            "have met them. Beyond training: of lengths never trained on. The intervals are Wilson's, 95%.</p>"
        )
    heads = ["solver", "task", "suite", *(MET_TITLES.get(kind, kind) for kind in met)]
    return f'<div class="short">{table(heads, rows, left=3)}</div>{note}'


def _share(rows: pd.DataFrame) -> str:
    asked = rows[rows.outcome != "failed"]
    right, n = int((asked.outcome == "right").sum()), len(asked)
    if not n:
        return "-"
    return _Html(f"<b>{percent(right / n)}</b> <small>{right:,} of {n:,}, {curves.interval(*wilson(right, n))}</small>")


def _side_by_side(results: Sequence[EvalResult]) -> str:
    side = side_by_side({result.name: result.summary for result in results})
    rows = [
        [cell if isinstance(cell, str) else "-" if pd.isna(cell) else percent(cell) for cell in row]
        for row in side.itertuples(index=False)
    ]
    inside = table(list(side.columns), rows, left=2)
    return _folded(f"{len(rows)} lengths", inside, len(rows) <= 3 * OPEN_ROWS)


def _pair(one: EvalResult, other: EvalResult) -> str:
    found = paired(one.rows, other.rows)
    rows = [[*row[:-1], f"{row[-1]:.2g}"] for row in found.itertuples(index=False)]
    heads = ["task", "suite", "digits", "n", "both", f"only {one.name}", f"only {other.name}", "neither", "p"]
    said = f"<h4>{say(one.name)} against {say(other.name)}, on the problems that both were asked</h4>"
    return said + table(heads, rows, left=2, wrong=found.p < 0.05)


def drawn(title: str, charts: Sequence[curves.Chart]) -> str:
    """Charts beside each other, under a title; empty for none."""
    drawn = "\n".join(map(svg.figure, charts))
    return f'<h2>{title}</h2><div class="figures">{drawn}</div>' if charts else ""


def _folded(summary: str, inside: str, open_: bool) -> str:
    return f"<details{' open' if open_ else ''}><summary>{summary}</summary>{inside}</details>"


def _solver(result: EvalResult) -> str:
    parts = [f"<h2>{say(result.name)}</h2>"]
    if result.partial:
        parts.append(f'<p class="partial"><b>PARTIAL</b> {say(result.partial)}</p>')
    maps = curves.maps(result)
    if maps:
        told = dict.fromkeys(f"{one.down} down, {one.across} across" for one in maps)
        parts += [f"<h3>Maps: % exact match, {say('; '.join(told))}</h3>", _legend(maps)]
        parts.append(f'<div class="side">{"".join(map(_map, maps))}</div>')
    for task, rows in result.summary.groupby("task", sort=False):
        parts.append(f"<h3>{say(task)}, by {say(lengths_title(str(task)))}</h3>")
        suites = enumerate(rows.groupby("suite", sort=False))
        parts += [_by_length(suite, own, result, first=at == 0) for at, (suite, own) in suites]
    parts.append(_mistakes(result))
    parts.append(f"<h3>What was measured</h3><dl>{_about(result.about)}</dl>")
    if result.recipe:
        parts.append(f"<details><summary>recipe.toml</summary><pre>{say(result.recipe)}</pre></details>")
    return "\n".join(filter(None, parts))


def _by_length(suite: str, cells: pd.DataFrame, solver: EvalResult, first: bool) -> str:
    """A line a length; folded where there is a map, or all is right and it is not the first.

    A count that is nothing new for any length of the solver has no column.
    """
    counts = {"valid working": "valid", "right if read leniently": "lenient"}
    counts |= {name: name for name in ("unreadable", "unfinished")} | {"not asked": "failed"}
    idle = {name for name in counts.values() if not solver.summary[name].any()}
    idle |= {"lenient"} if (solver.summary.lenient == solver.summary.right_answers).all() else set()
    counts = {title: name for title, name in counts.items() if name not in idle}
    rows = [
        [row.digits, row.trained, f"{row.n:,}", f"{row.right_answers:,}", *map(percent, (row.accuracy, row.low, row.high))]
        + [f"{getattr(row, name):,}" for name in counts.values()]
        for row in cells.itertuples()
    ]
    right, n = int(cells.right_answers.sum()), int(cells.n.sum())
    said = f"<b>{say(suite_title(suite))}</b> <small>{right:,} of {n:,} right, {curves.interval(*wilson(right, n))}</small>"
    heads = ["digits", "trained", "n", "right", "exact", "95% from", "to", *counts]
    wrong = cells.right_answers < cells.n + cells.failed
    open_ = (first or wrong.any()) and not is_grid(cells) and len(rows) <= OPEN_ROWS
    return _folded(said, table(heads, rows, wrong=wrong), open_)


def _legend(maps: Sequence[curves.Map]) -> str:
    shades = ", ".join(curves.colour_of(at / 10)[0] for at in range(11))
    said = [f'0 <span class="scale" style="background: linear-gradient(90deg, {shades})"></span> 100']
    if any(any(row) for one in maps for row in one.inside):
        said.append('<span class="boxed">outlined</span> lengths of training')
    if any(kind in ("seen", "mixed") for one in maps for row in one.trained for kind in row):
        said.append("° some or all seen in training; the other cells are held out of it, or beyond")
    return f"<p>{' &nbsp; '.join(said)}</p>"


def _map(one: curves.Map) -> str:
    lines = []
    for row, left in enumerate(one.lefts):
        cells = []
        for column, right in enumerate(one.rights):
            share, trained = one.shares[row][column], one.trained[row][column]
            colour, light = curves.colour_of(share)
            sides = " ".join(one.sides(row, column))
            cells.append(
                f'<td class="{sides}" style="background:{colour};color:{"#fff" if light else "#000"}" '
                f'title="{left} by {right}, {trained}: {one.told[row][column]}">{curves.cell_text(share, trained)}</td>'
            )
        lines.append(f"<tr><th>{left}</th>{''.join(cells)}</tr>")
    top = "".join(f"<th>{right}</th>" for right in one.rights)
    return (
        f'<div class="wide"><h4>{say(one.title)}</h4><table class="map"><tr><th></th>{top}</tr>{"".join(lines)}</table></div>'
    )


def _mistakes(result: EvalResult) -> str:
    if result.mistakes.empty:
        return ""
    kinds = table(["task", "kind", "mistakes"], ([row.task, row.kind, f"{row.n:,}"] for row in result.mistakes.itertuples()), 2)
    drawn = "".join(f"<pre>{say(example)}</pre>" for example in result.examples)
    shown = f'<h3>Some of them, in columns</h3><div class="side">{drawn}</div>' if drawn else ""
    return f"<h3>Kinds of mistakes</h3>{kinds}{shown}"


def _about(about: Mapping[str, Any], prefix: str = "") -> str:
    said = []
    for name, value in about.items():
        if isinstance(value, Mapping):
            said.append(_about(value, f"{prefix}{name} "))
        elif value is not None:
            said.append(f"<dt>{say((prefix + name).replace('_', ' '))}</dt><dd>{say(value)}</dd>")
    return "".join(said)
