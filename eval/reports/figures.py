"""The pictures of a report with matplotlib, for papers and slides: accuracy by length, maps, learning curves.

    [figure] = figures([measured])
    Path("report.png").write_bytes(png([figure]))

Needs the extra `plot`. Figures are made as objects: nothing is shown, and no global state of matplotlib is touched.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eval.reports import charts as curves
from eval.reports import svg
from eval.result import EvalResult
from eval.solver import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH, DPI = 11.0, 120  # inches, points an inch: 1,320 pixels
TEXT, QUIET, RULE, SOFT, BOX = "#1b1f24", "#59636e", "#d8dee4", "#f0f2f4", "#d55e00"
ROOM = 16  # columns of a map up to which its cells are written
HEADS_ACROSS, LETTERS = 4, 48  # maps of attention in a row, and characters up to which a side of one is lettered


def figures(results: Sequence[EvalResult]) -> list[Figure]:
    """Accuracy by length, a map for each grid of lengths, and the learning curves of runs: those of the three there are.

    MissingExtra without matplotlib.
    """
    titles = ", ".join(result.name for result in results)
    learning = curves.learning_charts(results)
    found = [charted(f"Accuracy by length: {titles}", curves.accuracy_charts(results))]
    found.append(_maps([one for result in results for one in curves.maps(result)]))
    found.append(charted(f"Learning: {titles}", learning))
    return [figure for figure in found if figure is not None]


def png(figures: Sequence[Figure]) -> bytes:
    """One picture with all figures below each other. The same figures give the same bytes; without any it is a white dot.

    MissingExtra without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.image import imsave
    except ImportError:
        raise MissingExtra("plot") from None
    import numpy as np

    drawn = [np.full((1, 1, 4), 255, np.uint8)] if not figures else []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")  # it draws a box, which says so too
            canvas.draw()
        drawn.append(np.asarray(canvas.buffer_rgba()).copy())
    buffer = io.BytesIO()
    imsave(buffer, np.concatenate(drawn), format="png", metadata={"Software": None})
    return buffer.getvalue()


def attention(title: str, maps: Mapping[str, NDArray[np.floating]], written: Sequence[str], looked_at: Sequence[str]) -> Figure:
    """What heads looked at, a map each: what was written down, (W,), and what was looked at across, (K,).

    maps: from a head's name to its shares of attention (W, K), from 0 to 1, of one head at least
    MissingExtra without matplotlib.
    """
    columns = min(HEADS_ACROSS, max(2, len(maps)))
    tall = min(max(len(written) / len(looked_at), 0.3), 1.2)
    figure, axes = _figure(title, -(-len(maps) // columns), columns, tall * WIDTH / columns + 0.6)
    for ax, (name, shares) in zip(axes, maps.items(), strict=False):
        ax.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        for letters, put in ((looked_at, ax.set_xticks), (written, ax.set_yticks)):
            put(range(len(letters)), [*map(_text, letters)]) if len(letters) <= LETTERS else put([])
        _plain(ax, name)
        ax.tick_params(labelsize=min(8, 45 * WIDTH / columns / len(looked_at)))
    for ax in axes[len(maps) :]:
        ax.set_axis_off()
    return figure


def _figure(title: str, rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("plot") from None
    figure = Figure(figsize=(WIDTH, height * rows + 0.5), dpi=DPI, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    figure.suptitle(_text(title), x=0.015, ha="left", color=TEXT, fontweight="bold")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def charted(title: str, charts: Sequence[curves.Chart]) -> Figure | None:
    """Charts side by side; None for none. MissingExtra without matplotlib."""
    if not charts:
        return None
    columns = min(3, max(2, len(charts)))
    figure, axes = _figure(title, -(-len(charts) // columns), columns, 3.3)
    for ax, chart in zip(axes, charts, strict=False):
        _chart(ax, chart)
    for ax in axes[len(charts) :]:
        ax.set_axis_off()
    return figure


def _chart(ax: Axes, chart: curves.Chart) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

    if chart.log_x:
        ax.set_xscale("log")
    if chart.trained is not None:
        ax.axvspan(*chart.trained, color=SOFT, linewidth=0)
        ax.text(1, 1.02, "shaded: lengths of training", transform=ax.transAxes, ha="right", color=QUIET, fontsize=7)
    for line in chart.lines:
        many = len(line.x) > 60
        if line.low:
            ax.fill_between(line.x, line.low, line.high, color=line.light, alpha=0.18, linewidth=0)
        style = {"linewidth": 0.8, "alpha": 0.45} if line.thin else {"linewidth": 1.8, "marker": None if many else "o"}
        ax.plot(line.x, line.y, color=line.light, markersize=3.5, label=_text(line.name) or None, **style)
    if chart.share:
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
    else:
        ax.set_yscale("log")
        ys = [y for line in chart.lines for y in line.y]
        ax.set_yticks(svg.decades(min(ys), max(ys)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: svg.short(y)))
        ax.yaxis.set_minor_locator(NullLocator())
    if chart.x_ticks:
        bend = math.log if chart.log_x else float
        scale = (svg.RIGHT - svg.LEFT) / (bend(chart.x_ticks[-1]) - bend(chart.x_ticks[0]))
        ax.set_xticks(svg.apart(chart.x_ticks, lambda x: scale * bend(x)))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: svg.short(x)))
    _plain(ax, chart.title)
    ax.set_xlabel(chart.x_name, color=QUIET, fontsize=9)
    ax.set_ylabel(chart.y_name, color=QUIET, fontsize=9)
    ax.grid(axis="y", color=RULE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(  # below: beside the lines there is not always room
        loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=3, columnspacing=1.2, handlelength=1.4, fontsize=8, frameon=False
    )


def _text(text: str) -> str:
    """Text as it is: a dollar would begin a formula, and a leading underscore hide a line from the legend."""
    return curves.plain(text).replace("$", r"\$").replace("_", "\u200b_", 1 if text.startswith("_") else 0)


def _plain(ax: Axes, title: str) -> None:
    ax.set_title(_text(title), loc="left", fontsize=10, color=TEXT)
    ax.tick_params(colors=QUIET, labelsize=8, length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def _maps(maps: Sequence[curves.Map]) -> Figure | None:
    if not maps:
        return None
    boxed = any(any(row) for one in maps for row in one.inside)
    seen = any("seen" in row or "mixed" in row for one in maps for row in one.trained)
    title = "Exact match in %" + "; outlined: lengths of training" * boxed + "; °: seen in training" * seen
    tall = max(len(one.lefts) / len(one.rights) for one in maps)
    figure, axes = _figure(title, -(-len(maps) // 2), 2, min(5.4 * tall, 8.0))
    for ax, one in zip(axes, maps, strict=False):
        _map(ax, one)
    for ax in axes[len(maps) :]:
        ax.set_axis_off()
    return figure


def _map(ax: Axes, one: curves.Map) -> None:
    import numpy as np

    shown = [[curves.colour_of(share) for share in row] for row in one.shares]
    channels = [[[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour, _ in row] for row in shown]
    ax.imshow(np.array(channels, np.uint8), aspect="auto")
    if len(one.rights) <= ROOM:
        size = 9 if len(one.rights) <= 10 else 6.5
        for row, line in enumerate(shown):
            for column, (_, light) in enumerate(line):
                text = curves.cell_text(one.shares[row][column], one.trained[row][column])
                ax.text(column, row, text, ha="center", va="center", fontsize=size, color="white" if light else "black")
    ends = {"t": ((-1, 1), (-1, -1)), "b": ((-1, 1), (1, 1)), "l": ((-1, -1), (-1, 1)), "r": ((1, 1), (-1, 1))}
    for row, column in np.ndindex(len(one.lefts), len(one.rights)):
        for side in one.sides(row, column):
            xs, ys = ([at + end / 2 for end in pair] for at, pair in zip((column, row), ends[side], strict=True))
            ax.plot(xs, ys, color=BOX, linewidth=2.4, solid_capstyle="projecting", clip_on=False)
    ax.set_xlim(-0.5, len(one.rights) - 0.5)
    ax.set_ylim(len(one.lefts) - 0.5, -0.5)
    ax.set_xticks(range(len(one.rights)), one.rights)
    ax.set_yticks(range(len(one.lefts)), one.lefts)
    _plain(ax, one.title)
    ax.set_xlabel(one.across, color=QUIET, fontsize=9)
    ax.set_ylabel(one.down, color=QUIET, fontsize=9)
