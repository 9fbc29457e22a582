"""What the pictures of a report show, as numbers; eval/svg.py and eval/plots.py draw them.

    Chart("add, random", "digits", "exact match", [Line("mine", x=[1, 2, 3], y=[1.0, 1.0, 0.98], ...)])
    Map("mine, mul, random", lefts=[1, 2], rights=[1, 2], shares=[[1.0, 1.0], [1.0, 0.95]], ...)

Several runs whose recipes differ in nothing but the seed are drawn thin, and their median thick.
"""

from __future__ import annotations

import math
import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from eval.metrics.accuracy import is_grid, wilson
from eval.reports.tables import counted, percent, suite_title
from eval.result import EvalResult

T = TypeVar("T")

LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DARK = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
"""VariantSummary apart by colour-blind eyes, on a light and on a dark page (Okabe and Ito 2008)."""
SHADES = ("#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6dcd59", "#b4de2c", "#fde725")
"""Viridis: from dark to light, in order for colour-blind eyes and in grey too."""
WORST, BEST = 0, 7  # of SHADES, for 0% and 100% of a map
POINTS = 400  # of a line, at most
FAR = 20  # digits from which on lengths stand on a logarithmic axis


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    name: str
    """In the legend; empty where the line has no entry of its own."""
    x: Sequence[float]
    y: Sequence[float]
    light: str
    """Its colour on a light page, and `dark` on a dark one."""
    dark: str
    low: Sequence[float] = ()
    """Of each point, the ends of its Wilson 95% interval; empty where there is none."""
    high: Sequence[float] = ()
    thin: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines on two axes."""

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]
    share: bool = False
    """Whether y goes from 0 to 100%; else it is logarithmic."""
    log_x: bool = False
    x_ticks: Sequence[int] = ()
    """Where the x axis has its marks; empty for wherever they fit."""
    trained: tuple[float, float] | None = None
    """The part of the x axis that is of training."""


@dataclass(frozen=True)
class Map:
    """Exact match by the lengths of both operands."""

    title: str
    lefts: Sequence[int]
    """Digits of the left operand, one a row; `rights` one a column."""
    rights: Sequence[int]
    shares: Sequence[Sequence[float]]
    """A row a length of the left operand; nan where no problem was answered."""
    trained: Sequence[Sequence[str]]
    """Of each cell: held out, seen, beyond, mixed or unknown."""
    told: Sequence[Sequence[str]]
    """Of each cell: `19 of 20 right, 76.39% to 99.11%`."""
    inside: Sequence[Sequence[bool]]
    """Of each cell: whether it is of the lengths of training."""
    down: str = "digits of the left operand"
    """What `lefts` count."""
    across: str = "digits of the right operand"

    def sides(self, row: int, column: int) -> str:
        """The sides of a cell on which the lengths of training end: some of "tblr", for top, bottom, left and right."""
        if not self.inside[row][column]:
            return ""
        around = {"t": (row - 1, column), "b": (row + 1, column), "l": (row, column - 1), "r": (row, column + 1)}
        return "".join(side for side, cell in around.items() if not self._holds(*cell))

    def _holds(self, row: int, column: int) -> bool:
        return 0 <= row < len(self.lefts) and 0 <= column < len(self.rights) and self.inside[row][column]


def groups(results: Sequence[EvalResult]) -> list[tuple[str, list[EvalResult]]]:
    """Runs that differ in their seed only, together, with a name for all of them; others each by itself."""
    together: dict[Any, list[EvalResult]] = {}
    for at, result in enumerate(results):
        recipe = {key: value for key, value in tomllib.loads(result.recipe).items() if key != "seed"}
        together.setdefault(repr(recipe) if recipe else at, []).append(result)
    return [(own[0].name if len(own) == 1 else f"median of {_listed(own)}", own) for own in together.values()]


def _listed(results: Sequence[EvalResult]) -> str:
    names = [result.name for result in results]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]}"


def accuracy_charts(results: Sequence[EvalResult], named: Mapping[str, Sequence[EvalResult]] | None = None) -> list[Chart]:
    """A chart for each task and suite that was asked at two lengths at least, a line for each solver.

    named: those that are drawn thin, with their median thick, by the name of the median; where it is None, seeds are found
    The length of a problem is that of its longer operand, or its operators; problems of one length are counted together.
    """
    asked = pd.concat([result.summary[["task", "suite"]] for result in results]).drop_duplicates()
    together = groups(results) if named is None else [*named.items()]
    charts = []
    for task, suite in asked.itertuples(index=False):
        own = [_of(result.summary, task, suite) for result in results]
        unequal = any((summary.left != summary.right).any() for summary in own)
        lines = [line for at, group in enumerate(together) for line in _accuracy_lines(at, *group, task, suite)]
        lengths = sorted({x for line in lines for x in line.x})
        if len(lengths) > 1:
            far = lengths[-1] > FAR and lengths[-1] > 8 * lengths[0]
            counts = counted(task)
            name = counts[0] if counts else "digits of the longer operand" if unequal else "digits"
            chart = Chart(f"{task}, {suite_title(suite)}", name, "exact match", lines, True, far, lengths, _trained(own))
            charts.append(chart)
    return charts


def _of(summary: pd.DataFrame, task: str, suite: str) -> pd.DataFrame:
    own = summary[(summary.task == task) & (summary.suite == suite)]
    return own.assign(longer=own.left if counted(task) else own[["left", "right"]].max(axis=1))


def _accuracy_lines(at: int, name: str, group: Sequence[EvalResult], task: str, suite: str) -> list[Line]:
    colour, lines = _colour(at), []
    for result in group:
        counts = _of(result.summary, task, suite).groupby("longer")[["right_answers", "n"]].sum()
        counts = counts[counts.n > 0]
        if counts.empty:
            continue
        x, right, n = counts.index.tolist(), counts.right_answers.tolist(), counts.n.tolist()
        y = [one / of for one, of in zip(right, n, strict=True)]
        if len(group) == 1:
            low, high = zip(*map(wilson, right, n), strict=True)
            lines.append(Line(name, x, y, **colour, low=low, high=high))
        else:
            lines.append(Line("", x, y, **colour, thin=True))
    return lines if len(group) == 1 else [*lines, *_median(name, lines, colour)]


def _colour(at: int) -> dict[str, str]:
    return {"light": LIGHT[at % len(LIGHT)], "dark": DARK[at % len(DARK)]}


def _median(name: str, lines: Sequence[Line], colour: Mapping[str, str]) -> list[Line]:
    """The line of the medians, at the x that all lines have."""
    if not lines:
        return []
    points = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    x = sorted(set(points[0]).intersection(*points[1:]))
    return [Line(name, x, [statistics.median(line[at] for line in points) for at in x], **colour)]


def _trained(summaries: Iterable[pd.DataFrame]) -> tuple[float, float] | None:
    """The lengths of which every solver that was trained was asked none beyond its training."""
    cells = pd.concat(summaries)
    cells = cells[cells.trained != "unknown"]
    inside = sorted(set(cells.longer) - set(cells.longer[cells.trained == "beyond"]))
    return (inside[0], inside[-1]) if inside else None


def learning_charts(results: Sequence[EvalResult]) -> list[Chart]:
    """What training logged: the loss by examples and by seconds, and the held-out accuracy of each length by examples."""
    trained = groups([result for result in results if result.metrics])
    charts = []
    for key, told in (("examples", "training examples"), ("seconds", "seconds, looks at held-out problems included")):
        lines = []
        for at, (name, group) in enumerate(trained):
            lines += _loss_lines(name, group, key, _colour(at))
        if lines:
            charts.append(Chart(f"loss by {key}", told, "loss", lines))
    for name, group in trained:
        charts += _look_charts(f": {name}" if len(trained) > 1 else "", group)
    return charts


def _loss_lines(name: str, group: Sequence[EvalResult], key: str, colour: Mapping[str, str]) -> list[Line]:
    runs = [[entry for entry in result.metrics if entry.get("loss", 0) > 0 and key in entry] for result in group]
    runs = [_thinned(run) for run in runs if run]
    alone = len(runs) == 1
    lines = [
        Line(name if alone else "", [entry[key] for entry in run], [entry["loss"] for entry in run], **colour, thin=not alone)
        for run in runs
    ]
    if len(runs) > 1:  # at the same step, as their seconds differ
        steps = [{entry["step"]: entry for entry in run} for run in runs]
        shared = sorted(set(steps[0]).intersection(*steps[1:]))
        x, y = ([statistics.median(run[step][name] for run in steps) for step in shared] for name in (key, "loss"))
        lines.append(Line(name, x, y, **colour))
    return lines


def _look_charts(name: str, group: Sequence[EvalResult]) -> list[Chart]:
    """A chart for each operator of a mixture, a line for each of its lengths; the median of several runs."""
    looks = [_thinned([entry for entry in result.metrics if entry.get("accuracy")]) for result in group]
    keys = list(dict.fromkeys(key for run in looks for entry in run for key in entry["accuracy"]))
    batch = next((e["examples"] / e["step"] for e in group[0].metrics if e.get("examples") and e["step"]), 1)
    charts = []
    for sign in dict.fromkeys(key.rstrip("0123456789x") for key in keys):
        own = [key for key in keys if key.rstrip("0123456789x") == sign]
        lines = []
        for at, key in enumerate(own):
            colour = _shades(at, len(own))
            runs = [[(e["step"] * batch, e["accuracy"][key]) for e in run if key in e["accuracy"]] for run in looks]
            each = [Line("", *zip(*run, strict=True), **colour, thin=True) for run in runs if run]
            lines += _median(f"{key.removeprefix(sign)} digit{'s' * (key != f'{sign}1')}", each, colour)
        title = f"held-out accuracy{', ' if sign else ''}{sign}{name}"
        charts.append(Chart(title, "training examples", "exact match", lines, share=True))
    return charts


def _shades(at: int, of: int) -> dict[str, str]:
    """One of `of` shades in their order; those that are not seen on a background are left out there."""
    share = at / max(of - 1, 1)
    return {"light": SHADES[round(BEST * share)], "dark": SHADES[3 + round(6 * share)]}


def worst_chart(grouped: Mapping[str, Sequence[EvalResult]]) -> Chart:
    """The held-out accuracy of the worst length by examples: a line for each name, the median where it has several runs."""
    lines: list[Line] = []
    for at, (name, group) in enumerate(grouped.items()):
        colour, own = _colour(at), []
        for result in group:
            batch = next((e["examples"] / e["step"] for e in result.metrics if e.get("examples") and e["step"]), 1)
            looks = [(e["step"] * batch, min(e["accuracy"].values())) for e in result.metrics if e.get("accuracy")]
            if looks:
                x, y = zip(*_thinned(looks), strict=True)
                own.append(Line(name if len(group) == 1 else "", x, y, **colour, thin=len(group) > 1))
        lines += own if len(group) == 1 else [*own, *_median(name, own, colour)]
    return Chart("the worst length", "training examples", "exact match", lines, share=True)


def _thinned(entries: list[T]) -> list[T]:
    """Every so many of them, and the last, so that there are at most about POINTS."""
    stride = -(-len(entries) // POINTS) or 1
    return entries[::stride] + (entries[-1:] if entries and (len(entries) - 1) % stride else [])


def maps(result: EvalResult) -> list[Map]:
    """A map for each task and suite whose lengths form a grid."""
    found = []
    for (task, suite), cells in result.summary.groupby(["task", "suite"], sort=False):
        if not is_grid(cells):
            continue
        lefts, rights = sorted(cells.left.unique().tolist()), sorted(cells.right.unique().tolist())
        at = {(row.left, row.right): row for row in cells.itertuples()}
        size_ranges = result.trained.get(str(task), ())
        rows = [[at[left, right] for right in rights] for left in lefts]
        found.append(
            Map(
                f"{result.name}, {task}, {suite_title(str(suite))}",
                lefts,
                rights,
                [[cell.accuracy for cell in row] for row in rows],
                [[cell.trained for cell in row] for row in rows],
                [[f"{cell.right_answers} of {cell.n} right, {interval(cell.low, cell.high)}" for cell in row] for row in rows],
                [[any(a <= left <= b and c <= right <= d for a, b, c, d in size_ranges) for right in rights] for left in lefts],
                *(counted(str(task)) or ()),
            )
        )
    return found


def plain(text: object) -> str:
    """Text from anywhere; characters that are not seen as themselves, line feeds apart, become U+FFFD."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in str(text))


def cell_text(share: float, trained: str) -> str:
    """What stands in a cell of a map: its percentage without the sign, marked where the problems were seen in training."""
    return percent(share).removesuffix("%") + ("°" if trained in ("seen", "mixed") else "")


def interval(low: float, high: float) -> str:
    """`76.39% to 99.11%`."""
    return f"{percent(low)} to {percent(high)}"


def colour_of(share: float) -> tuple[str, bool]:
    """The colour of a cell of a map as "#rrggbb", and whether light text is read on it; grey where there is no figure."""
    if math.isnan(share):
        return "#808080", True
    at = WORST + share * (BEST - WORST)
    low, high = (_channels(SHADES[side]) for side in (math.floor(at), math.ceil(at)))
    red, green, blue = (round(one + (other - one) * (at % 1)) for one, other in zip(low, high, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}", 0.299 * red + 0.587 * green + 0.114 * blue < 128


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
