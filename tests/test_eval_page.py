"""The page of a report: its figures are those measured, nothing from outside is taken for HTML, and it needs nothing else."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.evaluate import evaluate
from eval.metrics.accuracy import by_length
from eval.metrics.error_types import counted, mistakes
from eval.reports import charts as curves
from eval.reports import svg
from eval.reports.html import page, say
from eval.reports.tables import percent
from eval.result import EvalResult
from eval.solver import Answer, ExactSolver, Solver
from tasks import Problems, Task
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.multiplication import Multiplication

VOID = {"meta", "br"}
HOSTILE = "<script>alert('1')</script> & \"7\" \x00\x1b[1m\u202e"
RECIPE = 'seed = {}\n[task]\nname = "add"\n'


class Slips:
    """Right but for every third problem, which gets some text, and every `fails`th, which cannot be asked."""

    name = HOSTILE

    def __init__(self, fails: int = 10**9) -> None:
        self.fails = fails

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]:
        answers = []
        for row, question in enumerate(task.questions(problems), 1):
            answer = Answer(None, HOSTILE, page=False) if row % 3 == 0 else Answer(task.answer(question), page=False)
            answers.append(Answer(None, failed=f"HTTP 500 {HOSTILE}", page=False) if row % self.fails == 0 else answer)
        return answers


def measured(solver: Solver, task: Task, cells: Sequence[tuple[int, int]], **rest: object) -> EvalResult:
    rows = evaluate(solver, task, cells, n=30, seed=1, suites=("random", "edges"))
    wrong = mistakes(task, rows)
    size_ranges = {task.name: [(*box.left, *box.right) for box in task.size_ranges]}
    told = {"mistakes": counted(wrong), "examples": [f"{one.question}\n{one}" for one in wrong[:5]], "trained": size_ranges}
    return EvalResult(name=solver.name, about={"seed": 1}, rows=rows, summary=by_length(rows), **(told | rest))


def adder(solver: Solver | None = None, **rest: object) -> EvalResult:
    return measured(solver or Slips(), Addition(digits="1-3"), [(1, 1), (3, 3), (5, 5)], **rest)


def grid() -> EvalResult:
    cells = [(left, right) for left in (1, 2, 3) for right in (1, 2, 3)]
    return measured(Slips(), Multiplication(digits="1-2,3x1"), cells)


class Reader(HTMLParser):
    """Checks that every element is closed, and gathers the cells of the tables row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_the_figures_are_those_of_the_summary() -> None:
    result = adder()
    rows = Reader(page([result], "title")).rows
    for row in result.summary.itertuples():
        shown = [row.digits, row.trained, str(row.n), str(row.right_answers), *map(percent, (row.accuracy, row.low, row.high))]
        assert shown in [line[:7] for line in rows]
    total = {"held out": (3, "random"), "seen": (1, "random"), "beyond": (5, "random")}
    short = next(line for line in rows if line[1:3] == ["add", "random"])
    for cell, (left, suite) in zip(short[3:], total.values(), strict=True):
        own = result.summary[(result.summary.left == left) & (result.summary.suite == suite)].iloc[0]
        assert cell.startswith(f"{percent(own.accuracy)} {own.right_answers} of {own.n}, {percent(own.low)} to")


def test_nothing_from_outside_is_taken_for_html() -> None:
    text = page([adder(recipe=f"# {HOSTILE!r}"), grid()], HOSTILE, pairs=True)
    assert "script" not in Reader(text).tags
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)


@given(st.text())
def test_text_is_shown_as_it_is(text: str) -> None:
    shown = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
    assert unescape(say(text)) == shown
    assert not set('<>"') & set(say(text))


def test_the_page_needs_nothing_else() -> None:
    text = page([adder(metrics=log(1)), grid()], "title")
    assert not re.search(r"https?:|url\(|@import|\bsrc=|\bhref=", text)
    assert Reader(text).tags.isdisjoint({"script", "link", "img", "iframe"})
    assert "prefers-color-scheme: dark" in text


def test_the_same_results_give_the_same_bytes() -> None:
    assert page([adder(metrics=log(1)), grid()], "title") == page([adder(metrics=log(1)), grid()], "title")


def test_the_map_marks_what_training_met() -> None:
    result = grid()
    (one, edges) = curves.maps(result)
    assert (one.lefts, one.rights) == ([1, 2, 3], [1, 2, 3])
    assert one.inside == edges.inside == [[True, True, False], [True, True, False], [True, False, False]]
    assert [one.sides(*cell) for cell in ((0, 0), (1, 1), (2, 0), (2, 2), (0, 1))] == ["tl", "br", "blr", "", "tr"]
    shown = Reader(page([result], "title")).rows
    for row, left in enumerate(one.lefts):
        cells = [curves.cell_text(*cell) for cell in zip(one.shares[row], one.trained[row], strict=True)]
        assert [str(left), *cells] in shown
    assert one.trained[0][0] == "seen"
    assert curves.cell_text(1.0, "seen") == "100°"
    assert curves.cell_text(0.99999, "beyond") == "99.99"


def test_colours_are_in_order_in_grey_too() -> None:
    def grey(share: float) -> float:
        colour, _ = curves.colour_of(share)
        return sum(weight * int(colour[at : at + 2], 16) for weight, at in ((0.299, 1), (0.587, 3), (0.114, 5)))

    greys = [grey(at / 100) for at in range(101)]
    assert greys == sorted(greys)
    assert curves.colour_of(0) == ("#440154", True)
    assert curves.colour_of(1) == ("#6dcd59", False)
    assert curves.colour_of(float("nan")) == ("#808080", True)


def test_partial_results_are_marked() -> None:
    whole, partial = adder(), adder(Slips(fails=4))
    assert "PARTIAL" not in page([whole], "title")
    text = page([partial], "title")
    failed = int((partial.rows.outcome == "failed").sum())
    assert f"{failed} of {len(partial.rows)} problems could not be asked: HTTP 500 &lt;script&gt;" in text
    assert "not asked" in text
    none = adder(Slips(fails=1))
    assert none.summary.n.sum() == 0
    Reader(page([none, grid()], "title", pairs=True))


# curves


def log(seed: int, scale: float = 1.0) -> list[dict]:
    losses = [{"step": step, "examples": 64 * step, "seconds": seed * step, "loss": scale / step} for step in range(10, 41, 10)]
    return [*losses, {"step": 40, "seconds": 40 * seed, "accuracy": {"1": scale / 4, "3": scale / 8}}]


def seeds() -> list[EvalResult]:
    runs = [
        adder(ExactSolver() if seed else Slips(), recipe=RECIPE.format(seed), metrics=log(seed + 1, 1 + seed))
        for seed in range(3)
    ]
    return [replace(run, name=f"add-{seed}") for seed, run in enumerate(runs)]


def test_seeds_are_drawn_thin_and_their_median_thick() -> None:
    chart = curves.accuracy_charts(seeds())[0]
    assert [line.thin for line in chart.lines] == [True, True, True, False]
    assert chart.lines[-1].name == "median of add-0, add-1, add-2"
    assert chart.lines[0].y == [pytest.approx(2 / 3)] * 3
    assert chart.lines[-1].y == [1, 1, 1]
    assert not chart.lines[-1].low
    examples, seconds, looks = curves.learning_charts(seeds())
    assert (examples.lines[-1].x, examples.lines[-1].y) == ([640, 1280, 1920, 2560], [2 / 10, 2 / 20, 2 / 30, 2 / 40])
    assert (seconds.lines[-1].x, seconds.lines[-1].y) == ([20, 40, 60, 80], examples.lines[-1].y)
    assert [(line.name, line.x, line.y) for line in looks.lines] == [("1 digit", [2560], [0.5]), ("3 digits", [2560], [0.25])]


def test_other_recipes_and_other_solvers_are_no_seeds_of_each_other() -> None:
    runs = seeds()
    other = replace(runs[2], name="mul", recipe=runs[2].recipe.replace("add", "mul"))
    names = [name for name, _ in curves.groups([*runs[:2], other, replace(grid(), name="x"), replace(grid(), name="y")])]
    assert names == ["median of add-0, add-1", "mul", "x", "y"]


def test_bands_are_wilsons_of_all_problems_of_a_length() -> None:
    result = grid()
    chart = curves.accuracy_charts([result])[0]
    (line,) = chart.lines
    assert (chart.x_name, line.x, chart.trained) == ("digits of the longer operand", [1, 2, 3], (1, 2))
    own = result.summary[(result.summary.suite == "random") & (result.summary[["left", "right"]].max(axis=1) == 2)]
    assert line.y[1] == own.right_answers.sum() / own.n.sum()
    assert line.low[1] < line.y[1] < line.high[1]


def test_long_logs_are_thinned_and_damaged_ones_pass() -> None:
    entries = [{"step": step, "examples": step, "seconds": step, "loss": 1.0} for step in range(1, 10_001)]
    (line,) = curves.learning_charts([adder(metrics=entries)])[0].lines
    assert len(line.x) <= curves.POINTS + 1
    assert (line.x[0], line.x[-1]) == (1, 10_000)
    assert curves.learning_charts([adder(metrics=[{"step": 0}, {"step": 3, "loss": 0.0}, {"step": 4, "loss": 1.0}])]) == []
    assert curves.learning_charts([adder()]) == []


def test_charts_are_drawn_where_there_is_one_point_or_none() -> None:
    one = curves.Line("mine", [3], [0.5], "#000000", "#ffffff")
    for share in (True, False):
        drawn = svg.figure(curves.Chart(HOSTILE, "x", "y", [one], share=share))
        assert "nan" not in drawn
        assert "svg" in Reader(drawn).tags
    assert curves.accuracy_charts([measured(ExactSolver(), Addition(), [(2, 2)])]) == []


@given(st.floats(1e-3, 1e12))
def test_ticks_are_few_and_within(high: float) -> None:
    ticks = svg.nice(high)
    assert 4 <= len(ticks) <= svg.TICKS + 1
    assert ticks[0] == 0
    assert ticks[-1] <= high * (1 + 1e-5)


def test_a_logarithmic_axis_has_two_ticks_at_least() -> None:
    assert svg.decades(0.08, 2.5) == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert svg.decades(1e-5, 2.5) == pytest.approx([1e-5, 1e-4, 1e-3, 0.01, 0.1, 1])
    assert svg.decades(3.1, 3.9) == [3.1, 3.9]


def test_short_numbers() -> None:
    assert [svg.short(number) for number in (0.05, 100, 1000, 1500, 12_000, 2e6, 448_000)] == [
        *("0.05", "100", "1k", "1500", "12k", "2M", "448k")
    ]
