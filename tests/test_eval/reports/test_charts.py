"""What charts show: seeds thin and their median thick, intervals over all problems of a length, colours in order."""

from dataclasses import replace

import pytest
from helpers.reports import HOSTILE, Reader, adder, evaluated, grid, seeds

from eval.reports import svg
from eval.reports.charts import Chart, Line, accuracy_charts, group_seeds
from eval.reports.colours import Colour, map_colour
from eval.reports.learning_charts import MAX_POINTS, learning_charts
from eval.solvers.reference import ExactSolver
from tasks.arithmetic.addition import Addition


def test_seeds_are_drawn_thin_and_their_median_thick() -> None:
    chart = accuracy_charts(seeds())[0]
    assert [line.thin for line in chart.lines] == [True, True, True, False]
    assert chart.lines[-1].name == "median of add-0, add-1, add-2"
    assert chart.lines[0].y == [pytest.approx(2 / 3)] * 3
    assert chart.lines[-1].y == [1, 1, 1]
    assert not chart.lines[-1].low
    examples, seconds, looks = learning_charts(seeds())
    assert (examples.lines[-1].x, examples.lines[-1].y) == ([640, 1280, 1920, 2560], [2 / 10, 2 / 20, 2 / 30, 2 / 40])
    assert (seconds.lines[-1].x, seconds.lines[-1].y) == ([20, 40, 60, 80], examples.lines[-1].y)
    assert [(line.name, line.x, line.y) for line in looks.lines] == [("1", [2560], [0.5]), ("3", [2560], [0.25])]


def test_other_recipes_and_other_solvers_are_no_seeds_of_each_other() -> None:
    runs = seeds()
    other = replace(runs[2], name="mul", recipe=runs[2].recipe.replace("add", "mul"))
    names = [name for name, _ in group_seeds([*runs[:2], other, replace(grid(), name="x"), replace(grid(), name="y")])]
    assert names == ["median of add-0, add-1", "mul", "x", "y"]


def test_bands_are_wilsons_of_all_problems_of_a_length() -> None:
    result = grid()
    chart = accuracy_charts([result])[0]
    (line,) = chart.lines
    assert (chart.x_name, line.x, chart.trained) == ("digits of the longer operand", [1, 2, 3], (1, 2))
    own = result.table[(result.table.suite == "random") & (result.table[["left", "right"]].max(axis=1) == 2)]
    assert line.y[1] == own.correct.sum() / own.n.sum()
    assert line.low[1] < line.y[1] < line.high[1]


def test_long_logs_are_thinned_and_damaged_ones_pass() -> None:
    entries = [{"step": step, "examples": step, "seconds": step, "loss": 1.0} for step in range(1, 10_001)]
    (line,) = learning_charts([adder(metrics=entries)])[0].lines
    assert len(line.x) <= MAX_POINTS + 1
    assert (line.x[0], line.x[-1]) == (1, 10_000)
    assert learning_charts([adder(metrics=[{"step": 0}, {"step": 3, "loss": 0.0}, {"step": 4, "loss": 1.0}])]) == []
    assert learning_charts([adder()]) == []


def test_charts_are_drawn_where_there_is_one_point_or_none() -> None:
    one = Line("mine", [3], [0.5], Colour("#000000", "#ffffff"))
    for share in (True, False):
        drawn = svg.figure(Chart(HOSTILE, "x", "y", [one], share=share))
        assert "nan" not in drawn
        assert "svg" in Reader(drawn).tags
    assert accuracy_charts([evaluated(ExactSolver(), Addition(), [(2, 2)])]) == []


def test_colours_are_in_order_in_grey_too() -> None:
    def grey(share: float) -> float:
        colour, _ = map_colour(share)
        return sum(weight * int(colour[at : at + 2], 16) for weight, at in ((0.299, 1), (0.587, 3), (0.114, 5)))

    greys = [grey(at / 100) for at in range(101)]
    assert greys == sorted(greys)
    assert map_colour(0) == ("#440154", True)
    assert map_colour(1) == ("#6dcd59", False)
    assert map_colour(float("nan")) == ("#808080", True)
