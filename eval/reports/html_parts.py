"""The parts of HTML pages: the frame with its style, and tables. Pages have no scripts and fetch nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as escape_html

from eval.reports.format import printable
from eval.reports.layout import TextTable

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


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: object) -> str:
    """Return text from anywhere as HTML that shows just this text; U+FFFD stands for characters that are not printable."""
    return escape_html(printable(text))


def document(title: str, parts: Iterable[str]) -> str:
    """Make a page.

    Args:
        title: Plain text.
        parts: The body, as HTML; empty parts are left out.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    text_columns: Sequence[int] = (),
    shaded: Sequence[bool] = (),
) -> str:
    """Make a table.

    Args:
        heads: The heads of the columns.
        rows: Cells are text that is escaped, or Html.
        text_columns: Columns of words, drawn on the left.
        shaded: For each row whether it is shaded; empty: none is.
    """
    sides = ["left" if index in text_columns else "figure" for index in range(len(heads))]
    head = "".join(f'<th class="{side}">{escape(name)}</th>' for side, name in zip(sides, heads, strict=True))
    shading, lines = iter(shaded), []
    for row in rows:
        cells = "".join(f'<td class="{side}">{_cell(value)}</td>' for side, value in zip(sides, row, strict=True))
        lines.append(f"<tr{' class=wrong' if next(shading, False) else ''}>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>\n{chr(10).join(lines)}</table></div>'


def _cell(value: object) -> str:
    return value if isinstance(value, Html) else escape(value)


def text_table(text: TextTable) -> str:
    """Draw a TextTable; marked rows are shaded, and lines of a cell after the first are small."""
    rows = [[_first_line_large(cell) for cell in row] for row in text.rows]
    heads = [head.replace("\n", " ") for head in text.heads]
    drawn = table(heads, rows, text_columns=text.text_columns, shaded=[bool(mark) for mark in text.marks])
    has_lines = any("\n" in cell for row in text.rows for cell in row)
    return short(drawn) if has_lines else drawn


def _first_line_large(text: str) -> Html:
    first, line_feed, rest = text.partition("\n")
    return Html(f"{escape(first)} <small>{escape(rest)}</small>" if line_feed else escape(first))


def short(inside: str) -> str:
    """Draw the small text of a table's cells on a line of its own."""
    return f'<div class="short">{inside}</div>'


def folded(summary: str, inside: str, *, is_open: bool) -> str:
    """Put HTML behind a line that opens and closes it; both are HTML."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{inside}</details>"
