"""Wrong answers are told apart by what went wrong in them."""

import pandas as pd
import pytest
from helpers.evaluation import ask

from eval.metrics.error_types import KINDS, classify, count_kinds, find_mistakes
from eval.solver import Answer
from eval.solvers.reference import ExactSolver, RandomSolver, WrongSolver
from tasks import make
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import Division
from tasks.arithmetic.multiplication import Multiplication
from tasks.arithmetic.subtraction import Subtraction
from tasks.expression.task import Expression


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("58+67", "115", "missed carry"),
        ("51+37", "98", "false carry"),
        ("999+1", "900", "missed carry"),
        ("999+1", "990", "missed carry"),
        ("123+45", "573", "misaligned"),
        ("123+45", "1275", "misaligned"),
        ("12+34", "45", "wrong digit"),
        ("52-37", "25", "missed borrow"),
        ("57-32", "15", "false borrow"),
        ("32-57", "25", "wrong sign"),
        ("37-52", "-25", "missed borrow"),
        ("52-37", "16", "wrong digit"),
    ],
)
def test_a_wrong_sum_is_told_by_its_digits(question: str, answer: str, kind: str) -> None:
    task = Addition() if "+" in question else Subtraction()
    found = classify(task, question, Answer(answer, page=False), task.answer(question), "")
    assert found.kind == kind
    *_, answered, right, caret = str(found).splitlines()
    at = caret.index("^")
    assert answered[at] != right[at] or kind == "wrong sign"
    assert answered[at + 1 : answered.index("   answered")] == right[at + 1 : right.index("   right")]
    assert caret.endswith(kind)


def test_what_is_no_answer_is_told_by_what_was_written() -> None:
    task = Multiplication()
    page = task.pages(task.problems(["12*34"])).texts()[0].split("=")[1].rstrip("$")
    for written, finished, kind in (
        (page[:-2], True, "stopped early"),
        (page + "1", True, "ran on"),
        (page[:5] * 9, False, "ran on"),
        ("::::", True, "unreadable"),
    ):
        answer = Answer(task.extract(written, "12*34") if finished else None, written, finished)
        assert classify(task, "12*34", answer, "408", "").kind == kind
    wrong = page.replace("4:84_84", "4:84_85") if "4:84_84" in page else page[:2] + ("1" if page[2] != "1" else "2") + page[3:]
    fault = task.verify("12*34", wrong)
    assert fault is not None
    found = classify(task, "12*34", Answer(task.extract(wrong, "12*34"), wrong), "408", str(fault))
    assert found.kind == "wrong line"
    assert str(fault) in str(found)


@pytest.mark.parametrize(
    ("old", "new", "kind", "said"),
    [
        ("{-95~14\\}14n", "{-95~24\\}24n", "wrong line", "line 1: in 8-49: its size is 41 in 2 places, not 42"),
        ("}09n", "}09", "stopped early", "line 2: -41-49 is -90, written '09n', not '09'"),
    ],
)
def test_a_wrong_expression_is_told_by_its_row(old: str, new: str, kind: str, said: str) -> None:
    task, question = Expression(), "8-49-49 to 2"
    page = task.pages(task.problems([question])).texts()[0].partition("=")[2].removesuffix("$")
    assert page == "{-95~14\\}14n-94={+09\\}09n"
    wrong = page.replace(old, new)
    found = classify(task, question, Answer(task.extract(wrong, question), wrong), "-90", str(task.verify(question, wrong)))
    assert found.kind == kind
    assert said in str(found)


def test_an_outside_model_may_be_wrong_about_an_expression() -> None:
    found = classify(Expression(), "1/8 to 2", Answer("0.12", "0.12", page=False), "0.13", "")
    turned = classify(Expression(), "1-3", Answer("2", "2", page=False), "-2", "")
    assert turned.kind == "wrong sign"
    assert (found.kind, str(found)) == ("wrong digit", "1/8 to 2\nanswered 0.12\nright is 0.13")


def test_every_wrong_answer_of_an_evaluation_is_counted_once() -> None:
    for task in (Addition(), Subtraction(), Multiplication(digits="1-3"), Division(digits="1-3"), Expression()):
        for solver in (WrongSolver(), RandomSolver()):
            rows = ask(solver, task, [(2, 2), (3, 3)], samples=60, seed=0)
            found = find_mistakes(task, rows)
            assert len(found) == (rows.outcome != "right").sum() > 30
            counts = count_kinds(found)
            assert counts.n.sum() == len(found)
            assert set(counts.kind) <= set(KINDS)
            assert all(str(mistake) for mistake in found)
        assert find_mistakes(task, ask(ExactSolver(), task, [(3, 3)], samples=20, seed=0)) == []
    assert list(count_kinds([]).columns) == ["task", "kind", "n"]


def test_what_could_not_be_asked_is_no_mistake() -> None:
    task = make("add")
    rows = ask(WrongSolver(), task, [(2, 2)], samples=5, seed=0)
    rows.loc[0, "outcome"] = "failed"
    assert len(find_mistakes(task, rows)) == 4
    assert isinstance(rows, pd.DataFrame)
