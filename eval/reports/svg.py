"""Charts as SVG with a legend in HTML: no library, and colours that follow a light or a dark page.

<figure><h4>add, random</h4><svg viewBox="0 0 400 240" role="img">...</svg><figcaption>...</figcaption></figure>

The classes get their style from html_parts.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from eval.reports.charts import Chart, Line
from eval.reports.format import short_number
from eval.reports.html_parts import escape
from eval.reports.ticks import log_ticks, round_ticks, spaced

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 390, 10, 194
"""The sides of the plot, in the units of the picture."""
TICK_GAP = 28
"""Between two marks of the x axis, at least."""
MAX_DOTS = 60
"""A line of more points has no dots."""

Scale: TypeAlias = Callable[[float], float]
"""From a value to a place in the picture."""


def section(title: str, charts: Sequence[Chart]) -> str:
    """Draw charts beside each other under a title; empty where there are none."""
    figures = "\n".join(map(figure, charts))
    return f'<h2>{title}</h2><div class="figures">{figures}</div>' if charts else ""


def figure(chart: Chart) -> str:
    """Draw a chart as an element of a page. The same chart gives the same text."""
    xs = [x for line in chart.lines for x in line.x]
    x_of, x_ticks = _x_axis(chart, min(xs), max(xs))
    y_of, y_ticks = _y_axis(chart)
    parts = [_training_band(chart, x_of)]
    parts += [f'<path class="rule" d="M{LEFT} {y_of(y):.1f}H{RIGHT}"/>' for y, _ in y_ticks]
    parts += [f'<text class="y" x="{LEFT - 7}" y="{y_of(y) + 4:.1f}">{text}</text>' for y, text in y_ticks]
    parts += [f'<text class="x" x="{x_of(x):.1f}" y="{BOTTOM + 17}">{text}</text>' for x, text in x_ticks]
    parts.append(f'<text class="x" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 8}">{escape(chart.x_name)}</text>')
    parts += [_line(line, x_of, y_of) for line in chart.lines]
    legend = " ".join(
        f'<span class="c" style="{_colours(line)}"><i></i>{escape(line.name)}</span>' for line in chart.lines if line.name
    )
    notes = {
        "each run thin": any(line.thin for line in chart.lines),
        "bands: Wilson 95%": any(line.low for line in chart.lines),
        "shaded: lengths of training": chart.trained is not None,
    }
    legend += "".join(f" <span>{note}</span>" for note, holds in notes.items() if holds)
    return (
        f'<figure><h4>{escape(chart.title)}</h4><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(chart.title)}: {escape(chart.y_name)} by {escape(chart.x_name)}">{"".join(parts)}</svg>'
        f"<figcaption>{legend}</figcaption></figure>"
    )


def _colours(line: Line) -> str:
    return f"--light:{line.colour.light};--dark:{line.colour.dark}"


def _line(line: Line, x_of: Scale, y_of: Scale) -> str:
    """A line with its dots and the band of its intervals."""
    points = [(x_of(x), y_of(y)) for x, y in zip(line.x, line.y, strict=True)]
    shapes = ""
    if line.low:
        ends = [*zip(line.x, line.high, strict=True), *reversed([*zip(line.x, line.low, strict=True)])]
        shapes += f'<path class="band" d="{_path([(x_of(x), y_of(y)) for x, y in ends])}Z"/>'
    shapes += f'<path class="{"line thin" if line.thin else "line"}" d="{_path(points)}"/>'
    if len(points) <= MAX_DOTS and not line.thin:
        shapes += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in points)
    return f'<g class="c" style="{_colours(line)}">{shapes}</g>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _training_band(chart: Chart, x_of: Scale) -> str:
    """A shaded rectangle behind the lengths of training."""
    if chart.trained is None:
        return ""
    low, high = (x_of(x) for x in chart.trained)
    return f'<rect class="trained" x="{low - 4:.1f}" y="{TOP}" width="{high - low + 8:.1f}" height="{BOTTOM - TOP}"/>'


def _x_axis(chart: Chart, low: float, high: float) -> tuple[Scale, list[tuple[float, str]]]:
    """The scale of the x axis from the least to the greatest value, and its marks with their text."""
    bend: Scale = math.log if chart.log_x else float
    if not chart.x_ticks:
        low = 0
    start, end = bend(low), bend(high)
    span = (end - start) or 1

    def x_of(x: float) -> float:
        return LEFT + 8 + (RIGHT - LEFT - 16) * (bend(x) - start) / span

    ticks = [x for x in (chart.x_ticks or round_ticks(high)) if low <= x <= high]
    return x_of, [(x, short_number(x)) for x in spaced(ticks, x_of, TICK_GAP)]


def _y_axis(chart: Chart) -> tuple[Scale, list[tuple[float, str]]]:
    """The scale of the y axis, and its marks with their text."""
    if chart.share:
        return lambda y: BOTTOM - (BOTTOM - TOP - 6) * y, [(quarter / 4, f"{25 * quarter}%") for quarter in range(5)]
    ys = [y for line in chart.lines for y in line.y]
    start, end = math.log(min(ys)), math.log(max(ys))
    span = (end - start) or 1

    def y_of(y: float) -> float:
        return BOTTOM - 6 - (BOTTOM - TOP - 12) * (math.log(y) - start) / span

    return y_of, [(y, short_number(y)) for y in log_ticks(min(ys), max(ys))]
