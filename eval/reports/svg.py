"""Charts as SVG with a legend in HTML, drawn by hand: no library, and colours that follow a light or a dark page.

<figure><h4>add, random</h4><svg viewBox="0 0 400 240" role="img">...</svg><figcaption>...</figcaption></figure>

The page gives the classes their style (eval/page.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from eval.reports.charts import Chart, Line, plain

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 390, 10, 194  # the sides of the plot, in the units of the picture
TICKS = 8  # on an axis, at most, the 0 apart
ROOM = 28  # between two of them

Scale = Callable[[float], float]


def say(text: object) -> str:
    """Text from anywhere as HTML that shows just that, as `curves.plain` leaves it."""
    return escape(plain(text))


def figure(chart: Chart) -> str:
    """A chart as an element of a page. The same chart gives the same text."""
    xs = [x for line in chart.lines for x in line.x]
    across, x_ticks = _x_axis(chart, min(xs), max(xs))
    up, y_ticks = _y_axis(chart)
    parts = [_trained(chart, across)]
    parts += [f'<path class="rule" d="M{LEFT} {up(y):.1f}H{RIGHT}"/>' for y, _ in y_ticks]
    parts += [f'<text class="y" x="{LEFT - 7}" y="{up(y) + 4:.1f}">{text}</text>' for y, text in y_ticks]
    parts += [f'<text class="x" x="{across(x):.1f}" y="{BOTTOM + 17}">{text}</text>' for x, text in x_ticks]
    parts.append(f'<text class="x" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 8}">{say(chart.x_name)}</text>')
    parts += [_line(line, across, up) for line in chart.lines]
    legend = " ".join(
        f'<span class="c" style="{_colours(line)}"><i></i>{say(line.name)}</span>' for line in chart.lines if line.name
    )
    notes = {
        "each run thin": any(line.thin for line in chart.lines),
        "bands: Wilson 95%": any(line.low for line in chart.lines),
        "shaded: lengths of training": chart.trained is not None,
    }
    legend += "".join(f" <span>{note}</span>" for note, holds in notes.items() if holds)
    return (
        f'<figure><h4>{say(chart.title)}</h4><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{say(chart.title)}: {say(chart.y_name)} by {say(chart.x_name)}">{"".join(parts)}</svg>'
        f"<figcaption>{legend}</figcaption></figure>"
    )


def _colours(line: Line) -> str:
    return f"--light:{line.light};--dark:{line.dark}"


def _line(line: Line, across: Scale, up: Scale) -> str:
    points = [(across(x), up(y)) for x, y in zip(line.x, line.y, strict=True)]
    drawn = ""
    if line.low:
        ends = [*zip(line.x, line.high, strict=True), *reversed([*zip(line.x, line.low, strict=True)])]
        drawn += f'<path class="band" d="{_path([(across(x), up(y)) for x, y in ends])}Z"/>'
    drawn += f'<path class="{"line thin" if line.thin else "line"}" d="{_path(points)}"/>'
    if len(points) <= 60 and not line.thin:
        drawn += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in points)
    return f'<g class="c" style="{_colours(line)}">{drawn}</g>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _trained(chart: Chart, across: Scale) -> str:
    """The lengths of training, shaded."""
    if chart.trained is None:
        return ""
    low, high = (across(x) for x in chart.trained)
    return f'<rect class="trained" x="{low - 4:.1f}" y="{TOP}" width="{high - low + 8:.1f}" height="{BOTTOM - TOP}"/>'


def _x_axis(chart: Chart, low: float, high: float) -> tuple[Scale, list[tuple[float, str]]]:
    bend = math.log if chart.log_x else float
    if not chart.x_ticks:
        low = 0
    start, end = bend(low), bend(high)
    span = (end - start) or 1

    def across(x: float) -> float:
        return LEFT + 8 + (RIGHT - LEFT - 16) * (bend(x) - start) / span

    ticks = [x for x in (chart.x_ticks or nice(high)) if low <= x <= high]
    return across, [(x, short(x)) for x in apart(ticks, across)]


def apart(ticks: Sequence[float], across: Scale) -> list[float]:
    """Those that leave each other room where `across` puts them, the last always."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or across(kept[-1]) - across(tick) >= ROOM:
            kept.append(tick)
    return kept[::-1]


def _y_axis(chart: Chart) -> tuple[Scale, list[tuple[float, str]]]:
    if chart.share:
        return lambda y: BOTTOM - (BOTTOM - TOP - 6) * y, [(at / 4, f"{25 * at}%") for at in range(5)]
    ys = [y for line in chart.lines for y in line.y]
    start, end = math.log(min(ys)), math.log(max(ys))
    span = (end - start) or 1

    def up(y: float) -> float:
        return BOTTOM - 6 - (BOTTOM - TOP - 12) * (math.log(y) - start) / span

    return up, [(y, short(y)) for y in decades(min(ys), max(ys))]


def nice(high: float) -> list[float]:
    """Round numbers from 0 to high, TICKS + 1 of them at most."""
    raw = high / TICKS or 1
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    return [at * step for at in range(math.floor(high / step * 1.000001) + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from low to high, powers alone where those are many, the ends where they are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high <= 200 * low else (1,)
    ticks = [at for power in powers for factor in factors if low <= (at := factor * 10.0**power) <= high]
    return ticks if len(ticks) > 1 else [low, high]


def short(number: float) -> str:
    """12000 -> 12k, 0.05 -> 0.05."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= 10 * size or (number >= size and number % size == 0):
            return f"{number / size:g}{unit}"
    return f"{number:.4g}"
