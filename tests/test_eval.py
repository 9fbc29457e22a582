"""The harness: right solvers score 1, wrong ones 0, and the intervals are Wilson's."""

import math
from collections.abc import Sequence

import pandas as pd
import pytest
from helpers.named_tasks import ANSWERS, cells
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eval.evaluate import COLUMNS, evaluate, outcome
from eval.metrics.accuracy import by_length, wilson
from eval.reports.tables import length_table, percent
from eval.solver import Answer, ExactSolver, WrongSolver
from tasks import TASKS, Problems, Task
from tasks.arithmetic.addition import Addition

every_task = pytest.mark.parametrize("task", [task() for task in TASKS.values() if task.suites], ids=lambda task: task.name)


@every_task
@pytest.mark.parametrize(("solver", "right"), [(ExactSolver(), 1.0), (WrongSolver(), 0.0)], ids=["exact", "wrong"])
def test_the_exact_solver_is_always_right_and_the_wrong_one_never(task: Task, solver: ExactSolver, right: float) -> None:
    suites = [suite for suite in task.suites if suite != "exhaustive"]
    # Of expressions these are operators and levels, and pages of 30 operators are long.
    asked = [(1, 1), (2, 2), (8, 8), (9, 3), (12, 3) if task.name == "expr" else (30, 30)]
    asked = cells(task) if task.name in ANSWERS else asked
    rows = evaluate(solver, task, asked, n=30 if task.name == "expr" else 100, seed=0, suites=suites)
    assert tuple(rows.columns) == COLUMNS
    found = by_length(rows)
    assert (found.accuracy == right).all()
    assert (found.valid == found.right_answers).all()
    assert len(found) == len(asked) * len(suites)


@every_task
def test_the_same_seed_asks_the_same(task: Task) -> None:
    cell = cells(task)[-1] if task.name in ANSWERS else (3, 3)
    first, again, other = (evaluate(ExactSolver(), task, [cell], n=50, seed=seed).question.tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 50


def test_what_a_model_may_have_met_is_said() -> None:
    task = Addition(digits="1-3")
    rows = evaluate(ExactSolver(), task, [(1, 1), (3, 3), (4, 4)], n=30, seed=0, suites=("random", "nines"))
    trained = rows.groupby(["suite", "digits"]).trained.unique().map(list).to_dict()
    assert trained["random", "1"] == ["seen"]
    assert trained["random", "3"] == ["held out"]
    assert trained["random", "4"] == trained["nines", "4"] == ["beyond"]


class DropsCarry:
    """Adds, but a carry out of one column is lost."""

    name = "drops a carry"

    def __init__(self, column: int) -> None:
        self.unit = 10**column

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]:
        answers = []
        for question in task.questions(problems):
            a, b = map(int, question.split("+"))
            lost = self.unit if a % self.unit + b % self.unit >= self.unit else 0
            answers.append(Answer(str(a + b - lost)))
        return answers


def test_a_lost_carry_shows_at_its_length_and_in_the_chains() -> None:
    rows = evaluate(
        DropsCarry(7), Addition(digits="1-8"), [(7, 7), (8, 8)], n=400, seed=0, suites=("random", "chains", "nines")
    )
    accuracy = by_length(rows).set_index(["suite", "digits"]).accuracy
    assert 0.3 < accuracy["random", "7"] < 0.6  # a leading digit is never 0, so its column carries a little more often
    assert 0.4 < accuracy["random", "8"] < 0.6
    assert accuracy["chains", "8"] == accuracy["nines", "8"] == 0


def test_outcomes() -> None:
    assert outcome(Answer("5"), "5") == "right"
    assert outcome(Answer("05"), "5") == "wrong"
    assert outcome(Answer(None), "5") == "unreadable"
    assert outcome(Answer("5", finished=False), "5") == "unfinished"


def test_bad_counts_are_named() -> None:
    with pytest.raises(ValueError, match="n = 0"):
        evaluate(ExactSolver(), Addition(), [(1, 1)], n=0, seed=0)
    with pytest.raises(ValueError, match="right = 3"):
        wilson(3, 2)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(200, 200, 0.98116, 1), (0, 10, 0, 0.27753), (45, 50, 0.78640, 0.95652), (0, 0, 0, 1)]
)
def test_wilson_intervals_are_those_of_the_literature(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_bounds_solve_the_score_equation(counts: tuple[int, int]) -> None:
    right, n = counts
    for bound in wilson(right, n):
        if 0 < bound < 1:
            assert abs(right / n - bound) / math.sqrt(bound * (1 - bound) / n) == pytest.approx(1.959964, rel=1e-6)


@given(st.floats(0, 1))
def test_percent_never_rounds_up_to_certainty(share: float) -> None:
    shown = percent(share)
    assert (shown == "100%") == (share == 1)
    assert (shown == "0%") == (share == 0)


def test_the_table_fits_eighty_columns() -> None:
    rows = evaluate(
        ExactSolver(),
        Addition(digits="1-8"),
        [(1, 1), (8, 8), (100, 100)],
        n=1000,
        seed=0,
        suites=("random", "chains", "nines"),
    )
    wrong = pd.concat([rows, rows.assign(digits="1000", outcome="wrong").iloc[1:]])
    console = Console(width=80, record=True, force_terminal=False)
    with console.capture() as shown:
        console.print(length_table(by_length(pd.concat([wrong, rows.iloc[:1].assign(digits="1000")]))))
    text = shown.get()
    assert "…" not in text
    assert "1000/1000" in text
    assert max(map(len, text.splitlines())) <= 80


def test_suites_of_different_lengths_stand_in_one_table() -> None:
    def asked(digits: int, suite: str) -> pd.DataFrame:
        return evaluate(ExactSolver(), Addition(digits="1-8"), [(digits, digits)], n=5, seed=0, suites=(suite,))

    console = Console(width=80, record=True, force_terminal=False)
    with console.capture() as shown:
        console.print(length_table(by_length(pd.concat([asked(8, "random"), asked(800, "chains")]))))
    lines = [line.split() for line in shown.get().splitlines()[2:]]
    assert lines[0] == ["8", "held", "out", "5", "100%", "56.55", "to", "100%", "100%", "-", "0"]
    assert lines[1] == ["800", "beyond", "-", "-", "-", "-", "5/5", "0"]
