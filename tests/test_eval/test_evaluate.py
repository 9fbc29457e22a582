"""Right solvers score 1 and wrong ones 0; the same seed asks the same problems."""

from collections.abc import Sequence
from typing import Any

import pytest
from helpers.evaluation import ask
from helpers.named_tasks import ANSWERS, cells

from eval.data import COLUMNS, MAX_EXAMPLES
from eval.evaluate import evaluate, outcome
from eval.metrics.accuracy import by_length
from eval.solver import Answer
from eval.solvers.reference import ExactSolver, WrongSolver
from eval.spec import EvalSpec
from tasks import Problems, Task, find, names
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.multiplication import Multiplication

every_task = pytest.mark.parametrize("task", [task() for task in map(find, names()) if task.suites], ids=lambda task: task.name)


@every_task
@pytest.mark.parametrize(("solver", "right"), [(ExactSolver(), 1.0), (WrongSolver(), 0.0)], ids=["exact", "wrong"])
def test_the_exact_solver_is_always_right_and_the_wrong_one_never(task: Task, solver: ExactSolver, right: float) -> None:
    suites = [suite for suite in task.suites if suite != "exhaustive"]
    # For expressions these are operators and levels, and pages of 30 operators are long.
    asked = [(1, 1), (2, 2), (8, 8), (9, 3), (12, 3) if task.name == "expr" else (30, 30)]
    asked = cells(task) if task.name in ANSWERS else asked
    samples = {"expr": 12, "gcd": 50, "path": 50, "rewrite": 50}.get(task.name, 100)  # problems of some take long to make
    rows = ask(solver, task, asked, samples=samples, seed=0, suites=suites)
    assert tuple(rows.columns) == COLUMNS
    summary = by_length(rows)
    assert (summary.accuracy == right).all()
    assert (summary.valid == summary.correct).all()
    assert len(summary) == len(asked) * len(suites)


@every_task
def test_the_same_seed_asks_the_same(task: Task) -> None:
    cell = cells(task)[-1] if task.name in ANSWERS else (3, 3)
    first, again, other = (ask(ExactSolver(), task, [cell], samples=50, seed=seed).question.tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 50


def test_what_a_model_may_have_met_is_said() -> None:
    task = Addition(digits="1-3")
    rows = ask(ExactSolver(), task, [(1, 1), (3, 3), (4, 4)], samples=30, seed=0, suites=("random", "nines"))
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
    rows = ask(
        DropsCarry(7), Addition(digits="1-8"), [(7, 7), (8, 8)], samples=400, seed=0, suites=("random", "chains", "nines")
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
    with pytest.raises(ValueError, match="samples = 0"):
        EvalSpec(samples=0)


@pytest.mark.parametrize("wrong", [{"samples": "x"}, {"samples": 1.5}, {"sizes": 5}, {"suites": 5}, {"suites": "random"}])
def test_a_field_of_a_spec_of_another_type_is_named(wrong: dict[str, Any]) -> None:
    [(field, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"{field} = {value!r}: must be"):
        EvalSpec(**wrong)


def test_a_result_sums_up_its_rows() -> None:
    task = Addition(digits="1-3")
    result = evaluate(WrongSolver(), task, EvalSpec([(1, 1), (3, 3)], ("random",), samples=30, seed=2))
    assert (result.name, result.accuracy, result.partial) == ("wrong", 0, "")
    assert result.error_counts.n.sum() == len(result.mistakes) == len(result.rows) == result.table.n.sum()
    assert 0 < len(result.examples) <= MAX_EXAMPLES
    assert result.training_sizes == {"add": task.size_ranges}
    values = result.to_json()
    assert (values["solver"], values["seed"], values["samples"], values["partial"]) == ("wrong", 2, 30, None)
    assert [row["digits"] for row in values["results"]] == ["1", "3"]
    assert [(one["problems"], one["right"]) for one in result.to_certificate()["every problem of"]] == [
        (row["n"], 0) for row in values["results"]
    ]
    unknown = evaluate(WrongSolver(), task, EvalSpec([(1, 1)], samples=5), trained=False)
    assert unknown.training_sizes == {}
    assert set(unknown.rows.trained) == {"unknown"}


def test_a_spec_names_sizes_for_all_tasks_or_for_each() -> None:
    add, mul = Addition(digits="1-3"), Multiplication(digits="1-2")
    by_task = EvalSpec({"add": [(2, 2)], "mul": [(1, 1)]}, ("random",), samples=3)
    rows = evaluate(ExactSolver(), [add, mul], by_task).rows
    assert rows.groupby("task", sort=False).digits.unique().map(list).to_dict() == {"add": ["2"], "mul": ["1"]}
    assert EvalSpec().sizes_of(add) == [(1, 1), (2, 2), (3, 3)]
    assert set(EvalSpec().suites_of(add)) == set(add.suites) - set(add.slow_suites)
    with pytest.raises(ValueError, match="no problem of these lengths has a page short enough"):
        evaluate(ExactSolver(), mul, EvalSpec([(2000, 2000)], ("random",)))
