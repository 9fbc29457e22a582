"""Charts and maps of a report as PNG with matplotlib, for papers and slides.

    Path("report.png").write_bytes(png(figures([result])))

Needs the extra `plot`. Figures are made as objects: nothing is shown, and no global state of matplotlib is touched.
"""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.data import EvalData
from eval.reports import svg
from eval.reports.charts import Chart, Heatmap, Line, accuracy_charts, heatmaps
from eval.reports.colours import channels, map_colour
from eval.reports.format import SEEN_MARK, map_cell, printable, short_number
from eval.reports.learning_charts import learning_charts
from eval.reports.ticks import log_ticks, spaced
from eval.solver import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH, DPI = 11.0, 120
"""Inches, and pixels an inch."""
TEXT, QUIET, RULE, SOFT, BOX = "#1b1f24", "#59636e", "#d8dee4", "#f0f2f4", "#d55e00"
MAX_WRITTEN_COLUMNS = 16
"""Maps of more columns have no text in their cells."""
LETTERS_PER_INCH = 8
"""A line of a title holds so many for each inch of the figure."""
HEADS_ACROSS = 4
"""Maps of attention in a row."""
MAX_LETTERS = 48
"""Sides of attention maps of more characters are not lettered."""


class Picture:
    """Figures below each other as one picture; a notebook shows it.

    Args:
        figures: Figures of matplotlib.
    """

    def __init__(self, figures: Sequence[Figure]) -> None:
        self.figures = figures

    def save(self, file: str | Path) -> None:
        """Write a PNG file; an existing one is replaced."""
        Path(file).write_bytes(self._repr_png_())

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        return png(self.figures)


def figures(results: Sequence[EvalData], *, learning: bool = True) -> list[Figure]:
    """Draw accuracy by length, a map for each grid of sizes, and learning curves: those of the three there are.

    Args:
        results: One for each solver.
        learning: Whether learning curves are drawn too.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    names = ", ".join(result.name for result in results)
    drawn = [
        chart_figure(f"Accuracy by length: {names}", accuracy_charts(results)),
        _map_figure([one for result in results for one in heatmaps(result)]),
        chart_figure(f"Learning: {names}", learning_charts(results) if learning else []),
    ]
    return [figure for figure in drawn if figure is not None]


def chart_figure(title: str, charts: Sequence[Chart]) -> Figure | None:
    """Draw charts side by side in one figure; None where there are no charts.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    if not charts:
        return None
    columns = min(3, len(charts))
    figure, axes = _figure(title, len(charts), columns, 3.3)
    for ax, chart in zip(axes, charts, strict=False):
        _draw_chart(ax, chart)
    return figure


def attention_figure(
    title: str, maps: Mapping[str, NDArray[np.floating]], written: Sequence[str], looked_at: Sequence[str]
) -> Figure:
    """Draw what attention heads looked at, a map for each head.

    Args:
        title: Plain text.
        maps: Shares of attention (W, K), from 0 to 1, by the name of the head; one head at least.
        written: The W characters that were written, drawn down.
        looked_at: The K characters that were looked at, drawn across.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    columns = min(HEADS_ACROSS, len(maps))
    height_to_width = min(max(len(written) / len(looked_at), 0.3), 1.2)
    width = _width(columns) / columns
    figure, axes = _figure(title, len(maps), columns, height_to_width * width + 0.6)
    for ax, (name, shares) in zip(axes, maps.items(), strict=False):
        ax.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        for letters, set_ticks in ((looked_at, ax.set_xticks), (written, ax.set_yticks)):
            set_ticks(range(len(letters)), [*map(_text, letters)]) if len(letters) <= MAX_LETTERS else set_ticks([])
        _style(ax, name)
        ax.tick_params(labelsize=min(8, 45 * width / len(looked_at)))
    return figure


def png(figures: Sequence[Figure]) -> bytes:
    """Write one picture with all figures below each other; a single white dot where there are none.

    The same figures give the same bytes.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.image import imsave
    except ImportError:
        raise MissingExtra("plot") from None

    pictures = [np.full((1, 1, 4), 255, np.uint8)] if not figures else []
    for figure in figures:
        canvas: Any = FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box is drawn, which is clear enough
            canvas.draw()
        pictures.append(np.asarray(canvas.buffer_rgba()).copy())
    widest = max(picture.shape[1] for picture in pictures)
    pictures = [np.pad(one, ((0, 0), (0, widest - one.shape[1]), (0, 0)), constant_values=255) for one in pictures]
    buffer = io.BytesIO()
    no_version: dict[str, Any] = {"Software": None}
    imsave(buffer, np.concatenate(pictures), format="png", metadata=no_version)
    return buffer.getvalue()


def _figure(title: str, count: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes in rows of `columns`, each `height` inches high; the axes left over are not drawn."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("plot") from None
    rows, width = -(-count // columns), _width(columns)
    figure = Figure(figsize=(width, height * rows + 0.5), dpi=DPI, layout="constrained", facecolor="white")
    layout: Any = figure.get_layout_engine()
    layout.set(w_pad=0.12, h_pad=0.12)
    figure.suptitle(
        textwrap.fill(_text(title), round(LETTERS_PER_INCH * width)), x=0.015, ha="left", color=TEXT, fontweight="bold"
    )
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes


def _width(columns: int) -> float:
    """The inches of a figure: one chart by itself is not stretched over the whole width."""
    return WIDTH if columns > 1 else 0.6 * WIDTH


def _text(text: str) -> str:
    """Text as it is: a dollar would begin a formula, and a leading underscore hide a line from the legend."""
    return printable(text).replace("$", r"\$").replace("_", "\u200b_", 1 if text.startswith("_") else 0)


def _style(ax: Axes, title: str) -> None:
    """The title of a chart or map, and an axis without a frame."""
    ax.set_title(_text(title), loc="left", fontsize=10, color=TEXT)
    ax.tick_params(colors=QUIET, labelsize=8, length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def _draw_chart(ax: Axes, chart: Chart) -> None:
    if chart.log_x:
        ax.set_xscale("log")
    if chart.trained is not None:
        ax.axvspan(*chart.trained, color=SOFT, linewidth=0)
        ax.text(1, 1.02, "shaded: lengths of training", transform=ax.transAxes, ha="right", color=QUIET, fontsize=7)
    for line in chart.lines:
        _draw_line(ax, line)
    _set_ticks(ax, chart)
    _style(ax, chart.title)
    ax.set_xlabel(chart.x_name, color=QUIET, fontsize=9)
    ax.set_ylabel(chart.y_name, color=QUIET, fontsize=9)
    ax.grid(axis="y", color=RULE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(  # below the chart: there is not always room beside the lines
        loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=3, columnspacing=1.2, handlelength=1.4, fontsize=8, frameon=False
    )


def _draw_line(ax: Axes, line: Line) -> None:
    """A line with the band of its intervals."""
    colour = line.colour.light
    if line.low:
        ax.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    marker = "o" if len(line.x) <= svg.MAX_DOTS else None
    style: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.45} if line.thin else {"linewidth": 1.8, "marker": marker}
    ax.plot(line.x, line.y, color=colour, markersize=3.5, label=_text(line.name) or None, **style)


def _set_ticks(ax: Axes, chart: Chart) -> None:
    """The marks of both axes: those of svg.py."""
    from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

    if chart.share:
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
    else:
        ax.set_yscale("log")
        ys = [y for line in chart.lines for y in line.y]
        ax.set_yticks(log_ticks(min(ys), max(ys)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: short_number(y)))
        ax.yaxis.set_minor_locator(NullLocator())
    if chart.x_ticks:
        bend = math.log if chart.log_x else float
        scale = (svg.RIGHT - svg.LEFT) / (bend(chart.x_ticks[-1]) - bend(chart.x_ticks[0]))
        ax.set_xticks(spaced(chart.x_ticks, lambda x: scale * bend(x), svg.TICK_GAP))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: short_number(x)))


def _map_figure(maps: Sequence[Heatmap]) -> Figure | None:
    """All maps in one figure; None where there are none."""
    if not maps:
        return None
    outlined = any(any(row) for one in maps for row in one.in_training)
    seen = any("seen" in row or "mixed" in row for one in maps for row in one.trained)
    title = "Exact match in %" + "; outlined: lengths of training" * outlined + f"; {SEEN_MARK}: seen in training" * seen
    height_to_width = max(len(one.lefts) / len(one.rights) for one in maps)
    figure, axes = _figure(title, len(maps), min(2, len(maps)), min(5.4 * height_to_width, 8.0))
    for ax, one in zip(axes, maps, strict=False):
        _draw_map(ax, one)
    return figure


def _draw_map(ax: Axes, one: Heatmap) -> None:
    cells = [[map_colour(share) for share in row] for row in one.shares]
    ax.imshow(np.array([[channels(colour) for colour, _ in row] for row in cells], np.uint8), aspect="auto")
    if len(one.rights) <= MAX_WRITTEN_COLUMNS:
        size = 9 if len(one.rights) <= 10 else 6.5
        for row, line in enumerate(cells):
            for column, (_, is_light) in enumerate(line):
                text = map_cell(one.shares[row][column], one.trained[row][column])
                ax.text(column, row, text, ha="center", va="center", fontsize=size, color="white" if is_light else "black")
    _draw_borders(ax, one)
    ax.set_xlim(-0.5, len(one.rights) - 0.5)
    ax.set_ylim(len(one.lefts) - 0.5, -0.5)
    ax.set_xticks(range(len(one.rights)), [*map(str, one.rights)])
    ax.set_yticks(range(len(one.lefts)), [*map(str, one.lefts)])
    _style(ax, one.title)
    ax.set_xlabel(one.across, color=QUIET, fontsize=9)
    ax.set_ylabel(one.down, color=QUIET, fontsize=9)


def _draw_borders(ax: Axes, one: Heatmap) -> None:
    """A line along each side of a cell where the sizes of training end."""
    ends = {"t": ((-1, 1), (-1, -1)), "b": ((-1, 1), (1, 1)), "l": ((-1, -1), (-1, 1)), "r": ((1, 1), (-1, 1))}
    for row, column in np.ndindex(len(one.lefts), len(one.rights)):
        for side in one.borders(row, column):
            xs, ys = ([at + end / 2 for end in pair] for at, pair in zip((column, row), ends[side], strict=True))
            ax.plot(xs, ys, color=BOX, linewidth=2.4, solid_capstyle="projecting", clip_on=False)
